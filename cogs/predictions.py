"""Looking back at predictions: the newest in pages, and those about one axie."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Range, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from bot.errors import NotFound
from bot.services.history import MAX_DAYS, Wanted
from cogs import choices, embeds, looking, money
from cogs.embeds import rows
from cogs.format import Moment
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass

Interaction = discord.Interaction[AxieflipBot]


class PredictionsCog(commands.Cog, name="Predictions"):
    """`/predictions recent` and `show`."""

    predictions = app_commands.Group(
        name="predictions", description="What the bot predicted", guild_only=True
    )

    def __init__(self, bot: AxieflipBot) -> None:
        self._services = bot.services

    @predictions.command(
        name="recent",
        description="The listings that the bot priced, newest first",
        extras={
            "examples": (
                "/predictions recent",
                "/predictions recent signals_only:True min_net:5 days:30",
            )
        },
    )
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

    @predictions.command(
        name="show",
        description="What was predicted of an axie, and what became of it",
        extras={"examples": ("/predictions show axie:11823451",)},
    )
    @app_commands.describe(axie="The number of an axie that was listed while the bot watched")
    async def show(self, interaction: Interaction, axie: Transform[int, choices.ListedAxie]) -> None:
        """Show the newest prediction in full, and the older ones in a line each."""
        services = self._services
        found = await services.history.of_axie(choices.guild(interaction), axie)
        if not found:
            raise NotFound(f"No listing of axie #{axie} was priced. `/axie` tells what it is worth now.")
        moment = Moment.of(services.clock)
        purse = await money.of(services, choices.guild(interaction))
        embed = rows.in_full(found[0], moment, purse)
        if older := [rows.again(row, moment, purse) for row in found[1:]]:
            embed.add_field(name="Before", value=embeds.fit(older), inline=False)
        await interaction.response.send_message(
            embed=embed, view=embeds.marketplace_button(axie), ephemeral=True
        )


async def setup(bot: AxieflipBot) -> None:
    """Add the cog, and the buttons of pages sent before."""
    bot.add_dynamic_items(*looking.ITEMS)
    await bot.add_cog(PredictionsCog(bot))
