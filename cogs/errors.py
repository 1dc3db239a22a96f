"""What a person reads when a command fails: one sentence that says what to do.

The tree has one error handler, this one. Errors made for people are shown as they are; what nobody
foresaw is logged with its context under a short reference that the person is shown.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

import discord
import structlog
from discord import app_commands

from bot.log import redact
from cogs import format as fmt
from cogs.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from discord.ext import commands

log = structlog.get_logger(__name__)

# Unknown interaction (its 3 s are over), already answered, unknown webhook or token (its 15 min are over).
_TOO_LATE: Final = {10062, 40060, 10015, 50027}


async def on_error(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
    """Tell the person what went wrong in a command."""
    await tell(interaction, error.original if isinstance(error, app_commands.CommandInvokeError) else error)


async def tell(interaction: discord.Interaction, cause: BaseException, **more: Any) -> None:
    """Tell the person what went wrong, as quietly as it can be told; `more` goes below the sentence."""
    if isinstance(cause, discord.HTTPException) and cause.code in _TOO_LATE:
        log.info("interaction answered too late", command=_name(interaction), code=cause.code)
        return
    # A sentence may quote what some server said, and that what it was sent.
    await reply(interaction, redact(sentence(cause) or _unforeseen(interaction, cause)), **more)


def _unforeseen(interaction: discord.Interaction, cause: BaseException) -> str:
    reference = secrets.token_hex(3)
    log.error(
        "command failed",
        reference=reference,
        command=_name(interaction),
        options=interaction.data.get("options") if interaction.data else None,
        guild=interaction.guild_id,
        channel=interaction.channel_id,
        user=interaction.user.id,
        exc_info=cause,
    )
    return f"Something went wrong on the bot's side. Whoever runs it can look up reference `{reference}`."


async def reply(interaction: discord.Interaction, text: str, **more: Any) -> None:
    """Show a text to the person alone, whether or not the interaction was answered before."""
    text = fmt.shorten(text, 2000)
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True, **more)
        else:
            await interaction.response.send_message(text, ephemeral=True, **more)
    except discord.HTTPException as error:
        log.info("could not show an error", command=_name(interaction), code=error.code)


def _name(interaction: discord.Interaction) -> str:
    if interaction.command is not None:
        return interaction.command.qualified_name
    data: Mapping[str, object] = interaction.data or {}
    return str(data.get("custom_id", "unknown"))


async def setup(bot: commands.Bot) -> None:
    """Make this the tree's handler."""
    bot.tree.error(on_error)
