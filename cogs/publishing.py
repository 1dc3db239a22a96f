"""Publishes alerts of announcement channels, so that every server which follows one has them at once.

A message in an announcement channel reaches the servers that follow it only once it is published, which
costs one request for all of them together. Discord allows ten an hour of a channel: the first ten of an hour
are published, and the rest stay where they are. Nothing waits for it, and nothing is owed: an alert that
could not be published is in its own channel all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import discord
import structlog

from cogs import outgoing
from cogs.pace import pace_of_posts, pace_of_requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.client import AxieflipBot

log = structlog.get_logger(__name__)
AN_HOUR: Final = 10
HOUR_S: Final = 3600.0
_FAILED: Final = "a message could not be published"
_REFUSED: Final = {40033}  # published already, by a person or by an earlier life


class Publishing:
    """What was published of each channel within the last hour, and what is being published."""

    def __init__(self, bot: AxieflipBot, clock: Callable[[], float] = time.monotonic) -> None:
        self._bot, self._clock = bot, clock
        self._published: dict[int, deque[float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def sent(self, guild_id: int, channel_id: int, message_id: int) -> None:
        """A message is in its channel: publish it in the background where others may follow."""
        guild = self._bot.get_guild(guild_id)
        channel = guild.get_channel(channel_id) if guild is not None else None
        if not isinstance(channel, discord.TextChannel) or not channel.is_news():
            return
        if not self._allowed(channel_id):
            log.info("a message stays unpublished", channel=channel_id, message=message_id, an_hour=AN_HOUR)
            return
        task = asyncio.create_task(self._publish(channel, message_id), name=f"publishing in {channel_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Return once nothing is being published; for tests."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """Leave what is not published yet as it is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _allowed(self, channel_id: int) -> bool:
        now = self._clock()
        times = self._published.setdefault(channel_id, deque())
        while times and times[0] <= now - HOUR_S:
            times.popleft()
        if len(times) >= AN_HOUR:
            return False
        times.append(now)
        return True

    async def _publish(self, channel: discord.TextChannel, message_id: int) -> None:
        await pace_of_posts(self._bot).turn()
        await pace_of_requests().turn()
        try:
            async with asyncio.timeout(outgoing.TIMEOUT_S):
                await channel.get_partial_message(message_id).publish()
        except discord.HTTPException as error:
            if error.code not in _REFUSED:
                log.warning(
                    "a message could not be published",
                    channel=channel.id,
                    status=error.status,
                    code=error.code,
                )
        except (TimeoutError, OSError) as error:
            log.warning(_FAILED, channel=channel.id, reason=type(error).__name__)
        else:
            log.info("message published", channel=channel.id, message=message_id)
