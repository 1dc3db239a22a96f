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
from bot.services.history import MAX_DAYS, Wanted
from cogs import choices, embeds, looking, rows
from cogs.format import Moment
from pipeline.market.errors import MarketUnavailable
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass

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

    @predictions.command(name="recent", description="The listings that the bot priced, newest first")
    @app_commands.describe(
        watch="Only signals of this watch",
        signals_only="Only listings that were a signal for this server",
        axie_class="Only axies of this class",
        collection="Only axies of this collection",
        min_net="Only where at least this net profit was predicted, in dollars",
        sold_only="Only listings that have been sold",
        days=f"How far back to look, up to {MAX_DAYS} (default 7)",
    )
    @app_commands.rename(axie_class="class")
    @app_commands.choices(collection=choices.COLLECTIONS)
    async def recent(
        self,
        interaction: Interaction,
        watch: Transform[str, choices.WatchName] | None = None,
        signals_only: bool = False,
        axie_class: AxieClass | None = None,
        collection: str | None = None,
        min_net: Range[float, -1_000_000, 1_000_000] | None = None,
        sold_only: bool = False,
        days: Range[int, 1, MAX_DAYS] = 7,
    ) -> None:
        """Show the newest page, with buttons to the others."""
        services, guild = self._services, choices.guild(interaction)
        asked = Wanted(
            guild,
            days=days,
            signals=signals_only,
            watch_id=None if watch is None else (await services.watches.get(guild, watch)).id,
            class_=axie_class,
            collection=None if collection is None else Collection(collection),
            min_net_usd=min_net,
            sold=sold_only,
        )
        embed, view = await looking.page(services, asked)
        await interaction.response.send_message(embed=embed, view=view, ephemeral=True)

    @predictions.command(name="show", description="What was predicted of an axie, and what became of it")
    @app_commands.describe(axie="The number of an axie that was listed while the bot watched")
    async def show(self, interaction: Interaction, axie: Transform[int, choices.ListedAxie]) -> None:
        """Show the newest prediction in full, and the older ones in a line each."""
        services = self._services
        found = await services.history.of_axie(choices.guild(interaction), axie)
        if not found:
            raise NotFound(f"No listing of axie #{axie} was priced. `/axie` tells what it is worth now.")
        moment = Moment.of(services.clock)
        embed = rows.in_full(found[0], moment)
        if older := [rows.prediction(row, moment) for row in found[1:]]:
            embed.add_field(name="Before", value=embeds.fit(older), inline=False)
        await interaction.response.send_message(
            embed=embed, view=embeds.marketplace_button(axie), ephemeral=True
        )


async def setup(bot: AxieflipBot) -> None:
    """Add the cog, and the buttons of pages sent before."""
    bot.add_dynamic_items(*looking.ITEMS)
    await bot.add_cog(PredictionsCog(bot))
