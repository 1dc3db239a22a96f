"""Watches: what a server wants to be told of, and where.

Everyone may read them; every change needs the Manage Server permission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.app_commands import Range, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from cogs import choices, embeds, rows
from cogs.sentences import Refused, permission_name
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass
from pipeline.signal import Filters, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator

Interaction = discord.Interaction[AxieflipBot]
Target = discord.TextChannel | discord.Thread
_MINUTE = 60
_DEFAULT = Thresholds()


class WatchesCog(commands.Cog, name="Watches"):
    """`/watch add`, `list`, `pause`, `resume` and `remove`."""

    watch = app_commands.Group(
        name="watch", description="What to look for, and where to post it", guild_only=True
    )

    def __init__(self, bot: AxieflipBot) -> None:
        self._watches = bot.services.watches

    @watch.command(name="add", description="Post a buy signal in a channel whenever a listing fits")
    @app_commands.describe(
        name="A short name, shown on each alert",
        channel="Where to post the alerts",
        classes="Only these classes, with commas between them: Plant, Beast",
        collection="Only this collection",
        parts="Only with all of these parts: tail-carrot, horn-cactus",
        min_breeds="Fewest breeds so far",
        max_breeds="Most breeds so far",
        min_purity="Least purity, in percent",
        min_level="Least level",
        max_price="Highest ask, in dollars",
        max_age="Oldest listing, in minutes",
        min_net=f"Least net profit after fee and gas, in dollars (default {_DEFAULT.min_net_usd:g})",
        min_return=f"Least return on what the axie costs, in percent (default {_DEFAULT.min_return:.0%})",
        min_probability=f"Least chance that it pays, in percent (default {_DEFAULT.min_probability:.0%})",
    )
    @app_commands.choices(collection=choices.COLLECTIONS)
    @app_commands.checks.has_permissions(manage_guild=True)
    async def add(
        self,
        interaction: Interaction,
        name: Range[str, 1, 50],
        channel: Target,
        classes: Transform[tuple[AxieClass, ...], choices.Classes] = (),
        collection: str | None = None,
        parts: Transform[tuple[str, ...], choices.Parts] = (),
        min_breeds: Range[int, 0, 7] | None = None,
        max_breeds: Range[int, 0, 7] | None = None,
        min_purity: Range[int, 0, 100] | None = None,
        min_level: Range[int, 1, 60] | None = None,
        max_price: Range[float, 0.01, 10_000_000.0] | None = None,
        max_age: Range[int, 1, 43_200] | None = None,
        min_net: Range[float, 0.0, 1_000_000.0] = _DEFAULT.min_net_usd,
        min_return: Range[float, 0.0, 100_000.0] = 100 * _DEFAULT.min_return,
        min_probability: Range[float, 0.0, 100.0] = 100 * _DEFAULT.min_probability,
    ) -> None:
        """Add a watch, after checking that the bot may post where it points."""
        choices.ordered("breed count", min_breeds, max_breeds)
        _require_posting(channel)
        watch = await self._watches.add(
            choices.guild(interaction),
            channel.id,
            " ".join(name.split()),
            Thresholds(min_net, choices.ratio(min_return) or 0.0, choices.ratio(min_probability) or 0.0),
            Filters(
                classes=classes,
                collections=(Collection(collection),) if collection else (),
                parts=parts,
                min_breed_count=min_breeds,
                max_breed_count=max_breeds,
                min_purity=min_purity,
                min_level=min_level,
                max_price_usd=max_price,
                max_age_s=None if max_age is None else max_age * _MINUTE,
            ),
            interaction.user.id,
        )
        text = rows.watch(watch)
        await interaction.response.send_message(
            embed=embeds.note(f"Watching from now on.\n{text}", embeds.GOOD)
        )

    @watch.command(name="list", description="The watches of this server")
    async def list_(self, interaction: Interaction) -> None:
        """Show every watch with its channel, thresholds and filters."""
        shown = [rows.watch(watch) for watch in await self._watches.list(choices.guild(interaction))]
        empty = "There is none yet. Add one with `/watch add`."
        embed = embeds.lines("Watches", shown, empty=empty)
        await interaction.response.send_message(embed=embed, ephemeral=True)

    @watch.command(name="remove", description="Stop a watch and delete it")
    @app_commands.describe(name="The watch to remove")
    @app_commands.checks.has_permissions(manage_guild=True)
    async def remove(self, interaction: Interaction, name: Transform[str, choices.WatchName]) -> None:
        """Delete a watch, and show what it was so that it can be added again."""
        guild = choices.guild(interaction)
        watch = await self._watches.get(guild, name)
        await self._watches.remove(guild, watch.name, interaction.user.id)
        text = rows.watch(watch)
        await interaction.response.send_message(embed=embeds.note(f"No longer watching.\n{text}"))

    @watch.command(name="pause", description="Post nothing for a watch until it is resumed")
    @app_commands.describe(name="The watch to pause")
    @app_commands.checks.has_permissions(manage_guild=True)
    async def pause(self, interaction: Interaction, name: Transform[str, choices.WatchName]) -> None:
        """Keep a watch without its alerts."""
        await self._set_paused(interaction, name, True)

    @watch.command(name="resume", description="Let a paused watch post again")
    @app_commands.describe(name="The watch to resume")
    @app_commands.checks.has_permissions(manage_guild=True)
    async def resume(self, interaction: Interaction, name: Transform[str, choices.WatchName]) -> None:
        """End a pause; what was listed meanwhile is not made up for."""
        await self._set_paused(interaction, name, False)

    async def _set_paused(self, interaction: Interaction, name: str, paused: bool) -> None:
        watch = await self._watches.set_paused(choices.guild(interaction), name, interaction.user.id, paused)
        text = "Paused until `/watch resume`." if paused else "Watching again, for listings from now on."
        colour = embeds.QUIET if paused else embeds.GOOD
        embed = embeds.note(f"{text}\n{rows.watch(watch)}", colour)
        await interaction.response.send_message(embed=embed)


def _require_posting(channel: Target) -> None:
    missing = [permission_name(name) for name in _missing(channel)]
    if missing:
        needed = ", ".join(missing)
        raise Refused(
            f"I cannot post in {channel.mention}: grant me {needed} there, then add the watch again."
        )


def _missing(channel: Target) -> Iterator[str]:
    allowed = channel.permissions_for(channel.guild.me)
    posting = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    return (name for name in ("view_channel", posting, "embed_links") if not getattr(allowed, name))


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(WatchesCog(bot))
