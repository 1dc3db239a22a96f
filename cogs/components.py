"""What buttons, menus and modals have in common: what goes wrong in them is told as in a command.

discord.py only logs what a component's callback raises; the person would see that the interaction failed.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import discord

from cogs import errors
from cogs.sentences import Refused

Item = TypeVar("Item")
Callback = Callable[[Item, discord.Interaction[Any]], Awaitable[None]]


def answering(callback: Callback[Item]) -> Callable[[Item, discord.Interaction[Any]], Any]:
    """Make a callback tell the person what went wrong, with what to do where that is known."""

    @functools.wraps(callback)
    async def answered(self: Item, interaction: discord.Interaction[Any]) -> None:
        try:
            await callback(self, interaction)
        except Exception as error:
            await errors.tell(interaction, error)

    return answered


def chosen(interaction: discord.Interaction[Any]) -> str:
    """What was chosen in a menu that lets one choose a single thing."""
    data: Any = interaction.data or {}
    for value in data.get("values", ()):
        return str(value)
    raise Refused("Choose one of the lines of the menu.")
