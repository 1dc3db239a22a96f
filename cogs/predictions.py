"""Predictions on request: what an axie would resell for, and what was predicted lately."""

from __future__ import annotations

import asyncio
from typing import Final

import discord
from discord import app_commands
from discord.app_commands import Range, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from bot.errors import NotFound
from cogs import choices, embeds, rows
from cogs.format import Moment
from pipeline.market.errors import MarketUnavailable

ANSWER_S: Final = 45.0  # nobody waits longer for an answer
Interaction = discord.Interaction[AxieflipBot]


class PredictionsCog(commands.Cog, name="Predictions"):
    """`/predict` and `/predictions recent`."""

    predictions = app_commands.Group(
        name="predictions", description="What the bot predicted", guild_only=True
    )

    def __init__(self, bot: AxieflipBot) -> None:
        self._services = bot.services

    @app_commands.command(
        name="predict", description="What an axie would resell for, and whether its ask pays"
    )
    @app_commands.describe(axie_id="The number of the axie, as in its address on the marketplace")
    @app_commands.guild_only()
    async def predict(self, interaction: Interaction, axie_id: Range[int, 0, 2_000_000_000]) -> None:
        """Ask the marketplace for the axie, and the model for its price."""
        # Private as a whole: the first message after a deferral, an error too, is as public as the deferral.
        await interaction.response.defer(thinking=True, ephemeral=True)
        services = self._services
        try:
            async with asyncio.timeout(ANSWER_S):
                detail = (await services.market.axies([axie_id])).get(axie_id)
        except TimeoutError:
            raise MarketUnavailable(f"no answer within {ANSWER_S:.0f} s") from None
        if detail is None:
            raise NotFound(
                f"The marketplace knows no adult axie #{axie_id}. Check the number; eggs cannot be priced."
            )
        moment = Moment.of(services.clock)
        if detail.listing is None:
            embed = embeds.predicted(detail.axie, services.predictor.forecast(detail.axie), moment)
        else:
            embed = embeds.predicted_listing(
                detail.listing, services.predictor.predict(detail.listing), moment
            )
        await interaction.followup.send(embed=embed, view=embeds.marketplace_button(axie_id))

    @predictions.command(name="recent", description="The listings that the bot priced last")
    @app_commands.describe(
        watch="Only signals of this watch",
        signals_only="Only listings that were a signal for this server",
        limit="How many to show (default 10)",
    )
    async def recent(
        self,
        interaction: Interaction,
        watch: Transform[str, choices.WatchName] | None = None,
        signals_only: bool = False,
        limit: Range[int, 1, 25] = 10,
    ) -> None:
        """Show the journal's newest rows, those that this server was told of marked."""
        services = self._services
        guild = choices.guild(interaction)
        if watch is not None:
            watch = (await services.watches.get(guild, watch)).name
        found = await services.journal.recent(
            guild_id=guild, watch=watch, limit=limit, signals_only=signals_only
        )
        moment = Moment.of(services.clock)
        shown = [rows.prediction(row, moment) for row in found]
        empty = "Nothing yet. `/status` tells whether the bot is watching."
        embed = embeds.lines("Recent predictions", shown, empty=empty, legend=rows.LEGEND)
        await interaction.response.send_message(embed=embed, ephemeral=True)


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(PredictionsCog(bot))
