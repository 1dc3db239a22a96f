"""`/market`: floors by class and collection, volume and level, with a picture of how they came about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.client import AxieflipBot
from cogs import choices, money, pictures
from cogs.charts import plots
from cogs.embeds import markets
from cogs.format import Moment

if TYPE_CHECKING:
    from bot.services import Services

Interaction = discord.Interaction[AxieflipBot]
MAX_DAYS: Final = 90


class MarketCog(commands.Cog, name="Market"):
    """`/market`."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._services = bot.services

    @app_commands.command(
        name="market",
        description="Floors by class and collection, volume and level",
        extras={
            "examples": (
                "/market",
                "/market days:30",
            )
        },
    )
    @app_commands.describe(days="How many days the picture shows (default 7)")
    @app_commands.guild_only()
    async def market(self, interaction: Interaction, days: Range[int, 1, MAX_DAYS] = 7) -> None:
        """Show the market as it is, and how it came there."""
        await interaction.response.defer(thinking=True)
        embed, picture = await answer(self._services, choices.guild(interaction), days)
        await pictures.answer(interaction, [embed], picture)


async def answer(
    services: Services, guild_id: int, days: int
) -> tuple[discord.Embed, pictures.Picture | None]:
    """The market as it is, and the picture of how it came there in so many days."""
    found = await services.trends.view(services.clock.now(), timedelta(days=days))
    embed = markets.market(found, Moment.of(services.clock), await money.of(services, guild_id))
    floors = [(floor.at, floor.floor_usd) for floor in found.course if floor.floor_usd is not None]
    levels = [(floor.at, floor.level_usd) for floor in found.course if floor.level_usd is not None]
    volumes = [(bucket.at, bucket.traded.usd) for bucket in found.volumes]
    if len(floors) + len(levels) < 2 and len(volumes) < 2:
        return embed, None
    return embed, pictures.Picture(plots.market, (floors, levels, volumes, found.span_s))


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(MarketCog(bot))
