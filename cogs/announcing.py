"""Delivers what the bot has to say besides alerts: operators' notices and digests, each in its place once.

What can be said in no channel goes to a person; who that may be stands with it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import discord
import structlog
from discord.ext import commands

from bot.client import AxieflipBot
from cogs import money, outgoing
from cogs.embeds import notices

if TYPE_CHECKING:
    from bot.services.announcements import Announcement

log = structlog.get_logger(__name__)

# Discord forgets a nonce within minutes: what is older than this is looked for before it is sent again.
SURE_S: Final = 120.0


class AnnouncingCog(commands.Cog, name="Announcing"):
    """Posts every announcement that is due, oldest first."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._closed = False

    async def cog_load(self) -> None:
        """Put the delivery under supervision."""
        self._services.supervisor.add("announcements", self.turn)

    async def cog_unload(self) -> None:
        """Send nothing more; what is not marked delivered is sent by the next life."""
        self._closed = True

    async def turn(self) -> None:
        """Wait until something is due, and try each once."""
        await self._services.announcements.wait()
        if self._closed:
            await asyncio.get_running_loop().create_future()
        for each in await self._services.announcements.due():
            await self._deliver(each)

    async def _deliver(self, announcement: Announcement) -> None:
        announcements, said = self._services.announcements, announcement.said
        match await self._send(announcement):
            case outgoing.Sent(message_id):
                await announcements.delivered(announcement.id, message_id)
            case outgoing.Retry(_, reason) as retry:
                delay_s = outgoing.pause(announcement.attempts, retry)
                await announcements.retry(announcement.id, reason, delay_s)
            case outgoing.Never(reason):
                log.warning("announcement cannot be delivered", key=said.key, reason=reason)
                await announcements.undeliverable(announcement, reason)

    async def _send(self, announcement: Announcement) -> outgoing.Outcome:
        said, me = announcement.said, self._bot.user
        place: discord.abc.Messageable | outgoing.Retry | outgoing.Never
        if said.channel_id is not None:
            place = self._bot.get_partial_messageable(said.channel_id, guild_id=said.guild_id)
        elif said.user_id is not None:
            place = await outgoing.direct(self._bot, said.user_id)
        else:
            return outgoing.Never("Nobody is left to tell.")
        if isinstance(place, outgoing.Retry | outgoing.Never):
            return place
        if (datetime.now(UTC) - announcement.created_at).total_seconds() > SURE_S and me is not None:
            found = await outgoing.find(place, announcement.nonce, me.id)
            if found is not None:
                return found
        embed = notices.embed(said, await money.of(self._services, said.guild_id))
        embed = outgoing.marked(embed, announcement.nonce)
        return await outgoing.send(place, nonce=announcement.nonce, embed=embed)


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(AnnouncingCog(bot))
