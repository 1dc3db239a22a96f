"""Delivers the outbox: a lane for every channel, so that a slow one delays nobody else.

A lane sends its channel's posts in order, and stays busy while it waits before a retry, so that nothing
overtakes. How one post is sent is `cogs.delivery`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import structlog
from discord.ext import commands
from structlog.contextvars import bound_contextvars

from bot.client import AxieflipBot
from bot.tracing import KEY, trace_ids
from cogs.delivery import Courier
from cogs.fanout import in_turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.services.alerts import Post

log = structlog.get_logger(__name__)

# Every pending post may belong to one blocked channel; those behind them must be seen all the same.
LOOK_AHEAD: Final = 5000
# Lanes that are sending: more would only wait for their turn, on posts that grow old meanwhile. Those that
# rest before another attempt are not among them.
MOST_LANES: Final = 300
FEW_LANES: Final = 8  # with so few, the end of one is worth a look at once
LOOK_AGAIN_S: Final = 0.05


class AlertsCog(commands.Cog, name="Alerts"):
    """Posts every pending alert, once."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._resting: set[int] = set()
        self._courier = Courier(bot)
        self._look_took_s = 0.0
        self._closed = False

    async def cog_load(self) -> None:
        """Put the delivery under supervision."""
        self._services.supervisor.add("delivery", self.turn)

    async def cog_unload(self) -> None:
        """Stop sending; what is not marked delivered is sent by the next life, under the same nonce."""
        self._closed = True
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        await self._courier.close()

    async def turn(self) -> None:
        """Wait until an alert is due, and open a lane for each channel that has some and is not busy."""
        await self._wait()
        if self._closed:
            # The supervisor replaces this job when the bot is built anew; until then nothing can be sent.
            await asyncio.get_running_loop().create_future()
        began = time.monotonic()
        owed = await self._services.outbox.owed(LOOK_AHEAD)
        room = MOST_LANES - len(self._lanes) + len(self._resting)
        chosen = in_turn(owed, self._lanes.keys(), max(room, 0))
        posts = await self._services.outbox.posts([post_id for lane in chosen for post_id in lane])
        self._look_took_s = time.monotonic() - began
        if self._closed:
            return
        waiting: defaultdict[int, list[Post]] = defaultdict(list)
        for post in posts:
            waiting[post.channel_id].append(post)
        for channel_id, due in waiting.items():
            self._open(channel_id, due)

    async def settled(self) -> None:
        """Return once no lane is sending; for a clean end and for tests."""
        while self._lanes:
            await asyncio.wait(self._lanes.values())
        await self._courier.settled()

    async def _wait(self) -> None:
        if not self._lanes:
            await self._services.outbox.wait()
            return
        # What is due in a busy lane would end the outbox's wait at once; look around at a bounded cost.
        pause = max(LOOK_AGAIN_S, 5 * self._look_took_s)
        busy = len(self._lanes) - len(self._resting)
        until = asyncio.FIRST_COMPLETED if busy <= FEW_LANES else asyncio.ALL_COMPLETED
        await asyncio.wait(self._lanes.values(), timeout=pause, return_when=until)

    def _open(self, channel_id: int, due: Sequence[Post]) -> None:
        lane = asyncio.create_task(self._send_in_order(due), name=f"alerts of channel {channel_id}")
        self._lanes[channel_id] = lane
        lane.add_done_callback(lambda done: self._close(channel_id, done))

    def _close(self, channel_id: int, lane: asyncio.Task[None]) -> None:
        self._lanes.pop(channel_id, None)
        self._resting.discard(channel_id)
        if not lane.cancelled() and (error := lane.exception()) is not None:
            log.error("a lane of alerts ended early", channel=channel_id, exc_info=error)

    async def _send_in_order(self, due: Sequence[Post]) -> None:
        for post in due:
            traced = {KEY: trace_ids(alert.listing.hash for alert in post.alerts)}
            with bound_contextvars(post=post.id, channel=post.channel_id, **traced):
                try:
                    pause = await self._courier.deliver(post)
                except Exception:
                    log.exception("delivery failed")
                    pause = await self._courier.set_aside(post)
            if pause is not None:
                self._resting.add(post.channel_id)
                await asyncio.sleep(pause)
                return


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(AlertsCog(bot))
