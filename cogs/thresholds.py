"""Thresholds: how much a listing must promise before a watch posts it.

The same change as with `/watch edit`, under the name that people look for.
"""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Range, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.guild_settings import Area
from cogs import choices, embeds, money, watch_actions
from cogs.embeds import watch_words
from cogs.sentences import Refused

Interaction = discord.Interaction[AxieflipBot]


class ThresholdsCog(commands.Cog, name="Thresholds"):
    """`/threshold show` and `/threshold set`."""

    threshold = app_commands.Group(
        name="threshold", description="How sure and how profitable a signal must be", guild_only=True
    )

    def __init__(self, bot: AxieflipBot) -> None:
        self._services = bot.services

    @threshold.command(
        name="show",
        description="What a listing must promise before it is posted",
        extras={"examples": ("/threshold show", "/threshold show watch:Bargains")},
    )
    @app_commands.describe(watch="Only this watch")
    async def show(
        self, interaction: Interaction, watch: Transform[str, choices.WatchName] | None = None
    ) -> None:
        """Show the thresholds of one watch or of all."""
        guild, watches = choices.guild(interaction), self._services.watches
        found = [await watches.get(guild, watch)] if watch else await watches.list(guild)
        written = await money.of(self._services, guild)
        shown = [watch_words.thresholds(each, written) for each in found]
        empty = "There is no watch yet. Add one with `/watch add`."
        embed = embeds.lines("Thresholds", shown, empty=empty)
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @threshold.command(
        name="set",
        description="Change what a listing must promise before it is posted",
        extras={
            "area": Area.WATCHES,
            "examples": (
                "/threshold set watch:Bargains net:2",
                "/threshold set watch:Bargains probability:80 return:25",
            ),
        },
    )
    @app_commands.describe(
        watch="The watch to change",
        net="Least net profit after fee and gas, in dollars",
        return_="Least return on what the axie costs, in percent",
        probability="Least chance that a resale pays, in percent",
        sell_chance="Least chance to sell it again within a day, in percent",
    )
    @app_commands.rename(return_="return")
    async def set_(
        self,
        interaction: Interaction,
        watch: Transform[str, choices.WatchName],
        net: Range[float, 0.0, 1_000_000.0] | None = None,
        return_: Range[float, 0.0, 100_000.0] | None = None,
        probability: Range[float, 0.0, 100.0] | None = None,
        sell_chance: Range[float, 0.0, 100.0] | None = None,
    ) -> None:
        """Change one or more thresholds of a watch; the rest stay as they are."""
        given = {
            "min_net": net,
            "min_return": return_,
            "min_probability": probability,
            "min_sell_chance": sell_chance,
        }
        found = await watch_actions.managed(interaction, watch)
        if all(value is None for value in given.values()):
            raise Refused("Give at least one of net, return, probability and sell_chance to change.")
        embed = await watch_actions.change(interaction, found, given)
        await interaction.response.send_message(embed=embed, ephemeral=True)


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(ThresholdsCog(bot))
