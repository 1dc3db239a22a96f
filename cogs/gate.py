"""The gate before every command: whether the person may read here at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from bot.services.guild_settings import Area
from cogs.access import may, refusal
from cogs.sentences import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bot.client import AxieflipBot


async def _reading(interaction: discord.Interaction[Any]) -> bool:
    """Asked before every command and every autocompletion."""
    if await may(interaction, Area.READING):
        return True
    if interaction.type is discord.InteractionType.autocomplete:
        return False  # there is no place for a sentence
    raise Refused(await refusal(interaction, Area.READING))


async def setup(bot: AxieflipBot) -> None:
    """Stand before every command of this bot."""
    check: Callable[[discord.Interaction[Any]], Coroutine[Any, Any, bool]] = _reading
    bot.tree.interaction_check = check  # type: ignore[method-assign]
