"""Thresholds: how much a listing must promise before a watch posts it.

Everyone may read them; changing them needs the Manage Server permission.
"""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Range, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from cogs import choices, embeds, rows
from cogs.sentences import Refused

Interaction = discord.Interaction[AxieflipBot]


class ThresholdsCog(commands.Cog, name="Thresholds"):
    """`/threshold show` and `/threshold set`."""

    threshold = app_commands.Group(
        name="threshold", description="How sure and how profitable a signal must be", guild_only=True
    )

    def __init__(self, bot: AxieflipBot) -> None:
        self._watches = bot.services.watches

    @threshold.command(name="show", description="What a listing must promise before it is posted")
    @app_commands.describe(watch="Only this watch")
    async def show(
        self, interaction: Interaction, watch: Transform[str, choices.WatchName] | None = None
    ) -> None:
        """Show the thresholds of one watch or of all."""
        guild = choices.guild(interaction)
        found = [await self._watches.get(guild, watch)] if watch else await self._watches.list(guild)
        shown = [rows.thresholds(each) for each in found]
        empty = "There is no watch yet. Add one with `/watch add`."
        embed = embeds.lines("Thresholds", shown, empty=empty)
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @threshold.command(name="set", description="Change what a listing must promise before it is posted")
    @app_commands.describe(
        watch="The watch to change",
        net="Least net profit after fee and gas, in dollars",
        return_="Least return on what the axie costs, in percent",
        probability="Least chance that a resale pays, in percent",
    )
    @app_commands.rename(return_="return")
    @app_commands.checks.has_permissions(manage_guild=True)
    async def set_(
        self,
        interaction: Interaction,
        watch: Transform[str, choices.WatchName],
        net: Range[float, 0.0, 1_000_000.0] | None = None,
        return_: Range[float, 0.0, 100_000.0] | None = None,
        probability: Range[float, 0.0, 100.0] | None = None,
    ) -> None:
        """Change one or more thresholds of a watch; the rest stay as they are."""
        if net is None and return_ is None and probability is None:
            raise Refused("Give at least one of net, return and probability to change.")
        changed = await self._watches.set_thresholds(
            choices.guild(interaction),
            watch,
            interaction.user.id,
            min_net_usd=net,
            min_return=choices.ratio(return_),
            min_probability=choices.ratio(probability),
        )
        text = f"Changed, for listings from now on.\n{rows.thresholds(changed)}"
        await interaction.response.send_message(embed=embeds.note(text, embeds.GOOD))


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(ThresholdsCog(bot))
