"""`/axie`: one axie's page, with its picture, what it is worth, its genes and its history.

`/predict` asked for the second of these; it is kept as another name of the page, which begins with it.
"""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Transform
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.axies import AxiePage
from cogs import choices, embeds, money, pictures
from cogs.charts import plots
from cogs.embeds import markets
from cogs.format import Moment

Interaction = discord.Interaction[AxieflipBot]


class AxieCog(commands.Cog, name="Axie"):
    """`/axie` and `/predict`."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._services = bot.services

    @app_commands.command(
        name="axie",
        description="One axie: what it is worth, its genes and its history",
        extras={"examples": ("/axie id:11823451",)},
    )
    @app_commands.describe(id="The number of the axie, as in its address on the marketplace")
    @app_commands.guild_only()
    async def axie(self, interaction: Interaction, id: Transform[int, choices.ListedAxie]) -> None:  # noqa: A002
        """Show the axie's page."""
        await self._show(interaction, id)

    @app_commands.command(
        name="predict",
        description="What an axie would resell for, and whether its ask pays",
        extras={"examples": ("/predict axie_id:11823451",)},
    )
    @app_commands.describe(axie_id="The number of the axie, as in its address on the marketplace")
    @app_commands.guild_only()
    async def predict(self, interaction: Interaction, axie_id: Transform[int, choices.ListedAxie]) -> None:
        """Show the axie's page."""
        await self._show(interaction, axie_id)

    async def _show(self, interaction: Interaction, axie_id: int) -> None:
        # Private as a whole: the first message after a deferral, an error too, is as public as the deferral.
        await interaction.response.defer(thinking=True, ephemeral=True)
        services, guild = self._services, choices.guild(interaction)
        page = await services.axies.page(guild, axie_id)
        shown = markets.axie(page, Moment.of(services.clock), await money.of(services, guild))
        view = embeds.marketplace_button(axie_id)
        await pictures.answer(interaction, shown, _picture(page), view=view)


def _picture(page: AxiePage) -> pictures.Picture | None:
    sales = [(sale.at, sale.price_usd) for sale in reversed(page.sales)]
    asks = [
        (seen.prediction.forecast.at, seen.prediction.ask_usd, seen.prediction.forecast.resale_usd)
        for seen in reversed(page.seen)
    ]
    return None if len(sales) + len(asks) < 2 else pictures.Picture(plots.axie, (sales, asks))


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(AxieCog(bot))
