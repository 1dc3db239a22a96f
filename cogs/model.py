"""The model: what it is made of and how good it is, and retraining it from Discord.

A training outlives the 15 minutes in which an interaction may be edited, so the answer is edited as any
message of the bot's; through the interaction only where the bot cannot see the channel.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.runs import Run
from cogs import choices, outgoing, reports
from cogs.sentences import Refused

log = structlog.get_logger(__name__)

Interaction = discord.Interaction[AxieflipBot]
PROGRESS_EVERY_S: Final = 5.0


class ModelCog(commands.Cog, name="Model"):
    """`/model info` and `/model retrain`."""

    model = app_commands.Group(name="model", description="The price model", guild_only=True)

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._following: set[asyncio.Task[None]] = set()

    async def cog_unload(self) -> None:
        """Stop editing progress messages; the training itself goes on."""
        for task in tuple(self._following):
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    @model.command(name="info", description="Version, age, members and accuracy of the model in use")
    async def info(self, interaction: Interaction) -> None:
        """Show the card of the champion."""
        predictor = self._services.predictor
        embed = reports.model(predictor.version, predictor.card, self._services.retraining.current)
        await interaction.response.send_message(embed=embed)

    @model.command(
        name="retrain", description="Train a new model now; it replaces this one only if it is better"
    )
    @app_commands.checks.has_permissions(administrator=True)
    async def retrain(self, interaction: Interaction) -> None:
        """Start a training and follow it in the answer."""
        home = self._services.settings.discord_guild_id
        if home is not None and choices.guild(interaction) != home:
            raise Refused("The model belongs to all servers; it can be retrained only from the bot's own.")
        before = self._services.predictor.card
        run = await self._services.retraining.start(interaction.user.id)
        await interaction.response.send_message(embed=reports.training(run))
        message = await interaction.original_response()
        follow = self._show_progress(run, before, message)
        task = asyncio.create_task(follow, name=f"follow training {run.id}")
        self._following.add(task)
        task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        self._following.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("stopped following a training", task=task.get_name(), exc_info=error)

    async def _show_progress(
        self, run: Run, before: dict[str, Any] | None, message: discord.InteractionMessage
    ) -> None:
        channel = self._bot.get_partial_messageable(message.channel.id)
        own = channel.get_partial_message(message.id)
        shown: tuple[str, int] | None = None
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            current = self._services.retraining.current
            if current is None or current.id != run.id:
                break
            state = (current.stage, round(current.fraction * 100))
            if state != shown:
                await _edit(own, message, reports.training(current))
                shown = state
        ended = await self._services.retraining.wait(run.id)
        await _edit(own, message, reports.training(ended, before))


async def _edit(
    own: discord.PartialMessage, answer: discord.InteractionMessage, embed: discord.Embed
) -> None:
    if isinstance(await outgoing.edit(own, embed=embed), outgoing.Never):
        await outgoing.edit(answer, embed=embed)


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(ModelCog(bot))
