"""Delivers the outbox: a lane for every channel, so that a slow one delays nobody else.

A lane sends its channel's alerts in order, and stays busy while it waits before a retry, so that nothing
overtakes. An alert is marked delivered only after Discord has it; its nonce is the same at every
attempt, and Discord answers a repeated nonce with the first message. It does so for some minutes only:
what is older is first looked for among the channel's newest messages.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog
from discord.ext import commands

from bot.client import AxieflipBot
from cogs import embeds, outgoing
from cogs import format as fmt
from pipeline.market.errors import MarketError
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.services.outbox import PendingAlert

log = structlog.get_logger(__name__)

LATE_S: Final = 60.0  # of real time since the alert was written down
CHECK_S: Final = 10.0  # a late alert is not made later still by a marketplace that does not answer
FAULT_PAUSE_S: Final = 10.0
MOST_FAULTS: Final = 3
# A lane takes few alerts at a time: what becomes of the rest meanwhile (sold, watch removed) still counts.
LANE: Final = 5
# Every pending alert may belong to one blocked channel; those behind them must be seen all the same.
LOOK_AHEAD: Final = 1000
LOOK_AGAIN_S: Final = 0.05

_FAULT: Final = "A fault in the bot kept it back; its log says more."
_OVER: Final = {
    OrderStatus.MATCHED: "the axie was sold before the alert could be sent",
    OrderStatus.CANCELLED: "the listing was cancelled before the alert could be sent",
    OrderStatus.EXPIRED: "the listing expired before the alert could be sent",
}


class AlertsCog(commands.Cog, name="Alerts"):
    """Posts every pending alert, once."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._look_took_s = 0.0
        self._closed = False
        # Messages that Discord has and the database does not know of yet, by alert.
        self._accepted: dict[int, int] = {}

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

    async def turn(self) -> None:
        """Wait until an alert is due, and open a lane for each channel that has some and is not busy."""
        await self._wait()
        if self._closed:
            # The supervisor replaces this job when the bot is built anew; until then nothing can be sent.
            await asyncio.get_running_loop().create_future()
        began = time.monotonic()
        waiting: defaultdict[int, list[PendingAlert]] = defaultdict(list)
        for alert in await self._services.outbox.due(LOOK_AHEAD):
            waiting[alert.channel_id].append(alert)
        self._look_took_s = time.monotonic() - began
        if self._closed:
            return
        for channel_id, alerts in waiting.items():
            if channel_id not in self._lanes:
                self._open(channel_id, sorted(alerts, key=lambda alert: alert.id)[:LANE])

    async def settled(self) -> None:
        """Return once no lane is sending; for a clean end and for tests."""
        while self._lanes:
            await asyncio.wait(self._lanes.values())

    async def _wait(self) -> None:
        if not self._lanes:
            await self._services.outbox.wait()
            return
        # What is due in a busy lane would end the outbox's wait at once; look around at a bounded cost.
        pause = max(LOOK_AGAIN_S, 5 * self._look_took_s)
        await asyncio.wait(self._lanes.values(), timeout=pause, return_when=asyncio.FIRST_COMPLETED)

    def _open(self, channel_id: int, alerts: Sequence[PendingAlert]) -> None:
        lane = asyncio.create_task(self._send_in_order(alerts), name=f"alerts of channel {channel_id}")
        self._lanes[channel_id] = lane
        lane.add_done_callback(lambda done: self._close(channel_id, done))

    def _close(self, channel_id: int, lane: asyncio.Task[None]) -> None:
        self._lanes.pop(channel_id, None)
        if not lane.cancelled() and (error := lane.exception()) is not None:
            log.error("a lane of alerts ended early", channel=channel_id, exc_info=error)

    async def _send_in_order(self, alerts: Sequence[PendingAlert]) -> None:
        for alert in alerts:
            try:
                pause = await self._deliver(alert)
            except Exception:
                log.exception("delivery failed", alert=alert.id, channel=alert.channel_id)
                pause = await self._set_aside(alert)
            if pause is not None:
                await asyncio.sleep(pause)
                return

    async def _deliver(self, alert: PendingAlert) -> float | None:
        """Send one alert and note what came of it. The seconds to wait where it is to be tried again."""
        outbox = self._services.outbox
        if (accepted := self._accepted.get(alert.id)) is not None:
            await self._note(alert, accepted)
            return None
        late: str | None = None
        if (datetime.now(UTC) - alert.queued_at).total_seconds() > LATE_S:
            status = await self._status(alert)
            if status is not None and status.final:
                await outbox.expire(alert.id, _OVER.get(status, f"the order is no longer valid ({status})"))
                return None
            late = _lateness(alert, status)
        outcome = await self._send(alert, late)
        match outcome:
            case outgoing.Sent(message_id):
                self._services.stats.announced(alert.listing.hash)
                self._accepted[alert.id] = message_id
                await self._note(alert, message_id)
                return None
            case outgoing.Never(reason):
                log.warning("alert is undeliverable", alert=alert.id, channel=alert.channel_id, reason=reason)
                await outbox.undeliverable(alert.id, reason)
                return None
            case outgoing.Retry() as retry:
                pause = outgoing.pause(alert.attempts, retry)
                log.warning("alert is delayed", alert=alert.id, reason=retry.reason, again_in_s=pause)
                await outbox.retry(alert.id, retry.reason, pause)
                return pause

    async def _send(self, alert: PendingAlert, late: str | None) -> outgoing.Outcome:
        channel = self._bot.get_partial_messageable(alert.channel_id, guild_id=alert.guild_id)
        if late is not None and self._bot.user is not None:
            # Discord forgets a nonce within minutes. An earlier life may have ended right after posting.
            found = await outgoing.find(channel, alert.nonce, self._bot.user.id)
            if found is not None:
                return found
        moment = fmt.Moment.of(self._services.clock)
        embed = embeds.alert(alert.listing, alert.prediction, alert.watch_name, moment, late=late)
        return await outgoing.send(
            channel,
            nonce=alert.nonce,
            embed=outgoing.marked(embed, alert.nonce),
            view=embeds.marketplace_button(alert.listing.axie.id),
        )

    async def _note(self, alert: PendingAlert, message_id: int) -> None:
        # A message that is out must not go out again because the database could not take a note of it.
        await self._services.outbox.delivered(alert.id, message_id)
        del self._accepted[alert.id]

    async def _set_aside(self, alert: PendingAlert) -> float | None:
        """The seconds to wait after a fault; None where the alert is given up."""
        if alert.id in self._accepted:
            return FAULT_PAUSE_S
        try:
            return await self._put_off(alert)
        except Exception:
            log.exception("the database takes no notes", alert=alert.id)
            return FAULT_PAUSE_S

    async def _put_off(self, alert: PendingAlert) -> float | None:
        # One alert that cannot be rendered or stored must not hold up its channel for ever.
        if alert.attempts >= MOST_FAULTS:
            await self._services.outbox.undeliverable(alert.id, _FAULT)
            return None
        await self._services.outbox.retry(alert.id, _FAULT, FAULT_PAUSE_S)
        return FAULT_PAUSE_S

    async def _status(self, alert: PendingAlert) -> OrderStatus | None:
        try:
            async with asyncio.timeout(CHECK_S):
                found = await self._services.market.orders([alert.listing.hash])
        except (MarketError, TimeoutError) as error:
            log.warning("could not ask whether a late listing is still open", reason=repr(error))
            return None
        resolution = found.get(alert.listing.hash)
        return resolution.status if resolution else None


def _lateness(alert: PendingAlert, status: OrderStatus | None) -> str:
    checked = "could not check whether it is still open" if status is None else "it was still open just now"
    return f"found {fmt.since(alert.queued_at)} ago, {checked}."


async def setup(bot: AxieflipBot) -> None:
    """Add the cog."""
    await bot.add_cog(AlertsCog(bot))
