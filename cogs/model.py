"""The model: what it is made of and how good it is, its versions, and retraining it from Discord.

A training outlives the 15 minutes in which an interaction may be edited, and the process perhaps; so the
message that follows it is on record, is edited as any message of the bot's, and is taken up again by the
next life of the bot.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.guild_settings import Area
from bot.services.runs import Run, seconds_left
from bot.services.watchdog import fared
from cogs import choices, outgoing, pictures, steering
from cogs.access import needs
from cogs.charts import plots
from cogs.embeds import reports
from cogs.format import machine_now

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger(__name__)

Interaction = discord.Interaction[AxieflipBot]


class ModelCog(commands.Cog, name="Model"):
    """`/model status`, which is `/model info` too, `list`, `retrain` and `rollback`."""

    model = app_commands.Group(name="model", description="The price model", guild_only=True)

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._following: dict[int, asyncio.Task[None]] = {}

    async def cog_load(self) -> None:
        """Take up the messages of trainings that an earlier life of the bot was following."""
        for run in await self._services.runs.followed():
            self._follow(run, None)

    async def cog_unload(self) -> None:
        """Stop editing progress messages; the training itself goes on."""
        for task in tuple(self._following.values()):
            task.cancel()
        await asyncio.gather(*self._following.values(), return_exceptions=True)

    @model.command(
        name="status",
        description="Version, age, members and accuracy of the model in use",
        extras={"examples": ("/model status",)},
    )
    @needs(Area.MODEL)
    async def status(self, interaction: Interaction) -> None:
        """Show the model's page."""
        await self._page(interaction)

    @model.command(
        name="info",
        description="The same as /model status",
        extras={"examples": ("/model info",)},
    )
    @needs(Area.MODEL)
    async def info(self, interaction: Interaction) -> None:
        """Show the model's page."""
        await self._page(interaction)

    async def _page(self, interaction: Interaction) -> None:
        """Show the card of the champion, how it fares, and the training that is under way."""
        services = self._services
        current = services.retraining.current
        embed = reports.model(
            services.predictor.version,
            services.predictor.card,
            current,
            await self._left(current),
            await fared(services.trends, services.predictor, services.clock),
        )
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @model.command(
        name="list",
        description="The stored versions, and which of them serves",
        extras={"examples": ("/model list",)},
    )
    @needs(Area.MODEL)
    async def list_(self, interaction: Interaction) -> None:
        """Show the newest versions."""
        await interaction.response.defer(thinking=True, ephemeral=True)
        found = await self._services.versions.newest()
        await interaction.followup.send(embed=reports.versions(found))

    @model.command(
        name="retrain",
        description="Train a new model now; it replaces this one only if it is better",
        extras={"examples": ("/model retrain",)},
    )
    @needs(Area.MODEL)
    async def retrain(self, interaction: Interaction) -> None:
        """Start a training and follow it in the answer."""
        services = self._services
        guild, actor = choices.guild(interaction), interaction.user.id
        run = await services.retraining.start(actor, guild)
        embed = reports.training(run, await self._left(run))
        await interaction.response.send_message(embed=embed, view=steering.cancel(run.id))
        message = await interaction.original_response()
        await services.runs.follow(run.id, message.channel.id, message.id)
        self._follow(await services.runs.get(run.id), message)
        await services.audit.write("training started", f"run {run.id}", guild_id=guild, actor=actor)

    @model.command(
        name="rollback",
        description="Let an earlier version serve again",
        extras={"examples": ("/model rollback",)},
    )
    @app_commands.describe(version="Which one (default: the one that served before)")
    @needs(Area.MODEL)
    async def rollback(self, interaction: Interaction, version: str | None = None) -> None:
        """Show what would change, with a button that does it."""
        await interaction.response.defer(thinking=True, ephemeral=True)
        services = self._services
        name = (version or "").strip() or await services.versions.previous()
        card = await services.versions.card(name)
        embed = reports.rollback(name, card, services.predictor.version, services.predictor.card)
        await interaction.followup.send(embed=embed, view=steering.rollback(name))

    @rollback.autocomplete("version")
    async def _versions(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        names = await self._services.versions.names()
        serving = self._services.predictor.version
        found = [name for name in names if typed.strip() in name and name != serving]
        return [Choice(name=name, value=name) for name in found[: choices.MOST]]

    async def _left(self, run: Run | None) -> float | None:
        if run is None:
            return None
        return seconds_left(run, machine_now(), await self._services.runs.usual_s())

    def _follow(self, run: Run, answer: discord.InteractionMessage | None) -> None:
        task = asyncio.create_task(self._show(run, answer), name=f"follow training {run.id}")
        self._following[run.id] = task
        task.add_done_callback(lambda done: self._stopped(run.id, done))

    def _stopped(self, run_id: int, task: asyncio.Task[None]) -> None:
        self._following.pop(run_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("stopped following a training", run=run_id, exc_info=error)

    async def _show(self, run: Run, answer: discord.InteractionMessage | None) -> None:
        assert run.channel_id is not None
        assert run.message_id is not None
        own = self._bot.get_partial_messageable(run.channel_id).get_partial_message(run.message_id)
        shown: tuple[str, int] | None = None
        while (current := self._services.retraining.current) is not None and current.id == run.id:
            state = (current.stage, round(current.fraction * 100))
            if shown is not None and state != shown:
                embed = reports.training(current, await self._left(current))
                await _edit(own, answer, embed=embed, view=steering.cancel(run.id))
            shown = state
            await asyncio.sleep(steering.PROGRESS_EVERY_S)
        ended = await self._services.retraining.wait(run.id)
        if await self._report(own, answer, ended):
            await self._services.runs.told(run.id)

    async def _report(
        self, own: discord.PartialMessage, answer: discord.InteractionMessage | None, ended: Run
    ) -> bool:
        """Show how the training ended; False if it is to be shown by the next life of the bot."""
        drawn = await self._pictures(ended)
        for attempt in range(6):
            outcome = await _edit(own, answer, **_report(ended, drawn))
            if isinstance(outcome, outgoing.Never) and drawn:  # files may be all that it does not take
                outcome = await _edit(own, answer, **_report(ended, {}))
            if not isinstance(outcome, outgoing.Retry):
                return True
            await asyncio.sleep(outgoing.pause(attempt, outcome))
        return False

    async def _pictures(self, ended: Run) -> dict[str, bytes]:
        """By name, what there is to see of a training: new against old, and the page of its report."""
        if ended.report is None or not ended.report.get("metrics"):
            return {}
        version, services = ended.version or "new", self._services
        found = {
            "training": await pictures.drawn(services, plots.training, version, ended.report),
            "overview": await services.reports.overview(ended),
        }
        return {name: picture for name, picture in found.items() if picture is not None}


def _report(ended: Run, drawn: Mapping[str, bytes]) -> dict[str, Any]:
    """What the message of a training that has ended becomes."""
    shown, files = [reports.training(ended)], []
    for name, picture in drawn.items():
        if name == "overview":
            shown.append(reports.overview(ended))
        files.append(pictures.shown(shown[-1], name, picture))
    return {"embed": shown, "files": files, "view": discord.ui.View()}


async def _edit(
    own: discord.PartialMessage, answer: discord.InteractionMessage | None, **options: Any
) -> outgoing.Outcome:
    outcome = await outgoing.edit(own, **options)
    if isinstance(outcome, outgoing.Never) and answer is not None:
        return await outgoing.edit(answer, **options)
    return outcome


async def setup(bot: AxieflipBot) -> None:
    """Add the cog, and the buttons of messages sent before."""
    bot.add_dynamic_items(*steering.ITEMS)
    await bot.add_cog(ModelCog(bot))
