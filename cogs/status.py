"""`/status`: is the bot watching, how fast, and what has gone wrong."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.stats import silent_after
from cogs import choices
from cogs.embeds import health
from cogs.format import Moment


class StatusCog(commands.Cog, name="Status"):
    """`/status`."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._services = bot.services

    @app_commands.command(
        name="status",
        description="Whether the bot is watching, how fast, and what is wrong",
        extras={"examples": ("/status",)},
    )
    @app_commands.guild_only()
    async def status(self, interaction: discord.Interaction[AxieflipBot]) -> None:
        """Show the condition of the bot and of this server's alerts."""
        services = self._services
        guild = choices.guild(interaction)
        condition = health.Condition(
            stats=services.stats,
            silent_after_s=silent_after(services.settings.market_poll_max_s),
            tasks=services.supervisor.statuses(),
            alerts=await services.outbox.counts(guild),
            problems=await services.outbox.problems(guild),
            wrong=await services.conditions.open(),
            version=services.predictor.version,
            card=services.predictor.card,
            started_at=services.started_at,
            moment=Moment.of(services.clock),
            budget=services.market.budget.snapshot(),
            paused=[watch for watch in await services.watches.list(guild) if watch.paused_reason],
            untold=await services.announcements.failed(guild),
        )
        await interaction.response.send_message(embed=health.report(condition), ephemeral=True)


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(StatusCog(bot))
