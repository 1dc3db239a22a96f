"""Notices when a watch can no longer post: its channel deleted, a permission lost, the pinged role removed.

The watch is paused and that is told once, where the server's operators look, or where the bot can post
nowhere to the server's owner or whoever made the watch; what it lacked comes back, and it goes on by itself.
Whatever happens on a server marks it for a look, and the marks of a moment are one.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, Final

import discord
import msgspec
import structlog
from discord.ext import commands

from bot.client import AxieflipBot
from bot.services.announcements import Said
from bot.waiting import machine_time
from cogs import outgoing, permissions, watch_actions
from cogs.embeds import notices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.services.watches import Watch

log = structlog.get_logger(__name__)
EVENT: Final = "undeliverable"  # guild, channel, and the outcome that says why


class LossesCog(commands.Cog, name="Losses"):
    """Looks at the watches of servers on which something happened."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._marked: set[int] = set()
        self._refused: dict[int, dict[int, str]] = {}  # by server, the channels that Discord refused, and why
        self._awake = asyncio.Event()
        self._closed = False

    async def cog_load(self) -> None:
        """Put the looking under supervision."""
        self._services.supervisor.add("watches", self.turn)

    async def cog_unload(self) -> None:
        """Look no more; the next life looks at every server when it is ready."""
        self._closed = True

    async def turn(self) -> None:
        """Wait for marks, and look at each marked server."""
        await self._awake.wait()
        if self._closed:
            await asyncio.get_running_loop().create_future()
        self._awake.clear()
        while self._marked:
            guild = self._bot.get_guild(self._marked.pop())
            if guild is not None and not guild.unavailable:
                await self._look(guild)

    async def _look(self, guild: discord.Guild) -> None:
        refused = self._refused.pop(guild.id, {})
        lost: list[tuple[Watch, str]] = []
        mended: list[Watch] = []
        for watch in await self._services.watches.list(guild.id):
            reason = await permissions.lacks(guild, watch) or refused.get(watch.channel_id)
            if reason is not None and (not watch.paused or watch.paused_reason not in (None, reason)):
                lost.append((watch, reason))
            elif reason is None and watch.paused_reason not in (None, *outgoing.LOST):
                mended.append(watch)  # what Discord itself refused only a person takes back
        notes = await self._tidy(guild)
        told = [(watch, reason) for watch, reason in lost if not watch.paused]
        if told or mended or notes:
            await self._tell(guild, told, mended, notes)
        for watch, reason in lost:
            await self._services.watches.set_paused(guild.id, watch.name, None, True, reason)
            log.warning("watch is paused", guild=guild.id, watch=watch.id, reason=reason)
        for watch in mended:
            await watch_actions.go_on(self._services, watch, None)
            log.info("watch goes on", guild=guild.id, watch=watch.id)

    async def _tidy(self, guild: discord.Guild) -> list[str]:
        """Take back what was settled for roles and channels that are gone, and tell of it."""
        guilds, notes = self._services.guilds, []
        settings = await guilds.get(guild.id)
        for area, role in settings.grants.items():
            if guild.get_role(role) is None:
                await guilds.grant(guild.id, None, area, None)
                notes.append(
                    f"The role that was given {area} is gone; `/settings grant` gives it to another one."
                )
        operators = settings.operators_channel
        if operators is not None and guild.get_channel_or_thread(operators) is None:
            found = await outgoing.channel(guild, operators)
            if isinstance(found, outgoing.Never):
                await guilds.change(
                    guild.id, None, lambda s: msgspec.structs.replace(s, operators_channel=None)
                )
                notes.append("The operators' channel is gone; `/settings operators` names another one.")
        return notes

    async def _tell(
        self,
        guild: discord.Guild,
        lost: Iterable[tuple[Watch, str]],
        mended: Iterable[Watch],
        notes: Iterable[str],
    ) -> None:
        lost = list(lost)
        body: dict[str, Any] = {
            "server": guild.name,
            "lost": [[watch.name, reason] for watch, reason in lost],
            "mended": [watch.name for watch in mended],
            "notes": list(notes),
        }
        # Once an hour at most for the same: a permission may come and go while somebody sets it up.
        text = f"{body}:{machine_time():%Y-%m-%dT%H}"
        key = f"{notices.WATCHES}:{guild.id}:{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
        people = tuple(dict.fromkeys((*_owner(guild), *(watch.created_by for watch, _ in lost))))
        said = Said(key, guild.id, await self._place(guild), notices.WATCHES, body, otherwise=people)
        first = said if said.channel_id is not None else said.to_the_next()
        await self._services.announcements.say([first] if first else [])

    async def _place(self, guild: discord.Guild) -> int | None:
        """Where to tell: the operators' channel, the server's own one for news, or the first that works."""
        settings = await self._services.guilds.get(guild.id)
        operators = None
        if settings.operators_channel is not None:
            operators = permissions.place(guild, settings.operators_channel)
        candidates = (operators, guild.system_channel, guild.public_updates_channel, *guild.text_channels)
        works = (place for place in candidates if place is not None and not permissions.missing(place))
        found = next(works, None)
        return None if found is None else found.id

    def _mark(self, guild_id: int) -> None:
        self._marked.add(guild_id)
        self._awake.set()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """See what happened while the bot was away."""
        for guild in self._bot.guilds:
            self._mark(guild.id)

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """An outage of Discord is over for this server."""
        self._mark(guild.id)

    @commands.Cog.listener(f"on_{EVENT}")
    async def on_refusal(self, guild_id: int, channel_id: int, outcome: outgoing.Never) -> None:
        """An alert was refused in a way that others would be too."""
        if not outcome.lost:
            return
        guild = self._bot.get_guild(guild_id)
        place = None if guild is None else permissions.place(guild, channel_id)
        if place is None or not permissions.missing(place):
            # Only where nothing that is known explains it: that it lacks a permission is seen, and so is that
            # it has it back, be it before anybody looks.
            self._refused.setdefault(guild_id, {})[channel_id] = outcome.reason
        self._mark(guild_id)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """A channel is gone."""
        self._mark(channel.guild.id)

    @commands.Cog.listener()
    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        """Permissions of a channel may be others, or its kind."""
        if before.overwrites != after.overwrites or before.type != after.type:
            self._mark(after.guild.id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread is gone."""
        self._mark(payload.guild_id)

    @commands.Cog.listener()
    async def on_raw_thread_update(self, payload: discord.RawThreadUpdateEvent) -> None:
        """A thread was locked or unlocked."""
        self._mark(payload.guild_id)

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """A role is gone, and with it what it allowed the bot or was pinged for."""
        self._mark(role.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """A role allows other things."""
        if before.permissions != after.permissions:
            self._mark(after.guild.id)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """The bot itself got or lost a role; Discord tells of nobody else without the members intent."""
        if self._bot.user is not None and after.id == self._bot.user.id and before.roles != after.roles:
            self._mark(after.guild.id)


def _owner(guild: discord.Guild) -> list[int]:
    return [] if guild.owner_id is None else [guild.owner_id]


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(LossesCog(bot))
