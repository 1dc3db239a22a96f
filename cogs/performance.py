"""Looking back at signals: `/performance`, and `/digest`, which sends a watch's day to its channel."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, Transform
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.guild_settings import Area
from bot.services.performance import MOST_ROWS, course, summarise
from cogs import choices, embeds, money, pictures
from cogs.access import require
from cogs.charts import plots
from cogs.embeds import results
from cogs.format import Moment, plain

if TYPE_CHECKING:
    from bot.services import Services
    from bot.services.watches import Watch

Interaction = discord.Interaction[AxieflipBot]
OFF: Final = -1
MAX_DAYS: Final = 365
_HOURS: Final = [Choice(name="off", value=OFF), *(Choice(name=f"{h:02}:00", value=h) for h in range(24))]


class PerformanceCog(commands.Cog, name="Performance"):
    """`/performance` and `/digest`."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._services = bot.services

    async def cog_load(self) -> None:
        """Put the digests under supervision."""
        self._services.supervisor.add("digests", self._services.digests.turn)

    @app_commands.command(
        name="performance",
        description="What this server's signals came to",
        extras={
            "examples": (
                "/performance",
                "/performance days:7 watch:Bargains",
            )
        },
    )
    @app_commands.describe(
        days="How far back to look (default 30)", watch="Only the signals of this watch (default: all)"
    )
    @app_commands.guild_only()
    async def performance(
        self,
        interaction: Interaction,
        days: Range[int, 1, MAX_DAYS] = 30,
        watch: Transform[str, choices.WatchName] | None = None,
    ) -> None:
        """Show hit rate, profit on paper, time to sale, how the chances held, and a picture of it."""
        services, guild = self._services, choices.guild(interaction)
        days = min(days, services.settings.keep_days)  # what is older is deleted
        # Before the deferral, which would make an error public.
        one = None if watch is None else await services.watches.get(guild, watch)
        await interaction.response.defer(thinking=True)
        embed, picture = await answer(services, guild, days, one)
        await pictures.answer(interaction, [embed], picture)

    @app_commands.command(
        name="digest",
        description="Send what a watch found to its channel once a day",
        extras={
            "area": Area.WATCHES,
            "examples": (
                "/digest",
                "/digest watch:Bargains at:09:00",
            ),
        },
    )
    @app_commands.describe(
        watch="Whose digest (default: show all of them)", at="At which hour of this server's day, or off"
    )
    @app_commands.choices(at=_HOURS)
    @app_commands.guild_only()
    async def digest(
        self,
        interaction: Interaction,
        watch: Transform[str, choices.WatchName] | None = None,
        at: int | None = None,
    ) -> None:
        """Set, end or show digests."""
        services, guild = self._services, choices.guild(interaction)
        zone = (await services.guilds.get(guild)).time_zone
        moment = Moment.of(services.clock)
        one = None if watch is None else await services.watches.get(guild, watch)
        if one is None or at is None:
            all_ = await services.digests.of_guild(guild)
            asked = [each for each in all_ if one is None or each.watch_id == one.id]
            text = results.digests(asked, moment, zone) or (
                "No digest is sent. Name a watch and an hour: `/digest watch:… at:09:00`."
            )
            await interaction.response.send_message(embed=embeds.note(text), ephemeral=True)
            return
        place = interaction.guild.get_channel_or_thread(one.channel_id) if interaction.guild else None
        await require(interaction, Area.WATCHES, place)
        made = await services.digests.set(one, None if at == OFF else at)
        await services.audit.write(
            "digest set", one.name, guild_id=guild, actor=interaction.user.id, after=None if at == OFF else at
        )
        text = (
            f"“{plain(one.name, 50)}” sends no digest any more."
            if made is None
            else f"Done: {results.one_digest(made, moment, zone)}."
        )
        await interaction.response.send_message(embed=embeds.note(text), ephemeral=True)


async def answer(
    services: Services, guild_id: int, days: int, watch: Watch | None = None
) -> tuple[discord.Embed, pictures.Picture | None]:
    """What a server's signals of so many days came to, or those of a watch, and the picture of it."""
    rows = await services.ledger.rows(
        guild_id,
        watch_id=None if watch is None else watch.id,
        since=services.clock.now() - timedelta(days=days),
        limit=MOST_ROWS,
    )
    found = summarise(rows)
    currency = await money.of(services, guild_id)
    embed = results.performance(found, days, None if watch is None else watch.name, currency)
    steps = [(step.at, step.net_usd, step.promised_usd) for step in course(rows)]
    if len(steps) < 2:
        return embed, None
    chances = [(chance.promised, chance.paid, chance.signals) for chance in found.chances]
    return embed, pictures.Picture(plots.performance, (steps, chances))


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(PerformanceCog(bot))
