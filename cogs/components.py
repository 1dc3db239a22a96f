"""What buttons and menus have in common: only who may read here may use them, and what goes wrong is told.

A message stays when a role is taken away, so whoever presses is asked for again, as before every command.
discord.py only logs what a component's callback raises; the person would see that the interaction failed.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import discord

from bot.services.guild_settings import Area
from cogs import access, errors
from cogs.sentences import Refused

Item = TypeVar("Item")
Callback = Callable[[Item, discord.Interaction[Any]], Awaitable[None]]


def answering(callback: Callback[Item]) -> Callable[[Item, discord.Interaction[Any]], Any]:
    """Let who may read here use a component, and tell what went wrong, with what to do about it."""

    @functools.wraps(callback)
    async def answered(self: Item, interaction: discord.Interaction[Any]) -> None:
        try:
            await access.require(interaction, Area.READING)
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
