"""Delivers one post of the outbox: checked once more, drawn, sent, and noted.

What is new is sent at once. Whether it is still for sale is asked where it was tried before, in this life or
an earlier one, and where it has waited longer than the marketplace's word holds.

A post is marked delivered only after Discord has it; its nonce is the same at every attempt, and Discord
answers a repeated nonce with the first message. It does so for some minutes only: what is older is first
looked for among the channel's newest messages.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import structlog

from bot.client import AxieflipBot
from bot.services.mutes import Silence
from bot.tracing import KEY, trace_ids
from cogs import buttons, losses, outgoing, pings, repeats
from cogs import format as fmt
from cogs.fanout import FRESH_S, Standing
from cogs.pace import pace_of_posts
from cogs.publishing import Publishing
from pipeline.market.errors import MarketError
from pipeline.market.values import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import discord

    from bot.services.alerts import Alert, Post

log = structlog.get_logger(__name__)

LATE_S: Final = 60.0  # of real time since the alert was written down, from which on it is said to be late
UNCHECKED: Final = "The marketplace does not say whether it is still for sale."
UNCHECKED_PAUSE_S: Final = 15.0
FAULT_PAUSE_S: Final = 10.0
MOST_FAULTS: Final = 3

_FAULT: Final = "A fault in the bot kept it back; its log says more."
_POSTED: Final = "it was posted before the database was restored"
_GONE: Final = "the marketplace no longer knows the order"
_OVER: Final = {
    OrderStatus.MATCHED: "the axie was sold before the alert could be sent",
    OrderStatus.CANCELLED: "the listing was cancelled before the alert could be sent",
    OrderStatus.EXPIRED: "the listing expired before the alert could be sent",
}


class _Unknown(Exception):
    """The marketplace does not say whether listings are still open."""


class _Accepted(NamedTuple):
    """The message that a post became, with the alerts in it and the note that they were late."""

    ids: Sequence[int]
    message_id: int
    late: str | None


class Courier:
    """Sends posts, one at a time for a channel, and notes what came of each."""

    def __init__(self, bot: AxieflipBot) -> None:
        self._bot = bot
        self._services = bot.services
        self._pace = pace_of_posts(bot)
        self._standing = Standing(bot.services.market)
        self._publishing = Publishing(bot)
        self._since = datetime.now(UTC)
        self._begun: set[int] = set()  # posts that may be in their channel, as sending them was begun here
        # Messages that Discord has and the database does not know of yet, by post.
        self._accepted: dict[int, _Accepted] = {}

    async def settled(self) -> None:
        """Return once nothing is left to publish."""
        await self._publishing.settled()

    async def close(self) -> None:
        """Publish no more."""
        await self._publishing.close()

    async def deliver(self, post: Post) -> float | None:
        """Send one post and note what came of it. The seconds to wait where it is to be tried again."""
        await self._pace.turn()  # before the database is asked: whose connections are few
        outbox = self._services.outbox
        if post.id in self._accepted:
            await self._note(post.id)
            return None
        current = await self._unmuted(post)
        if current is None:
            return None
        waited_s = (datetime.now(UTC) - post.queued_at).total_seconds()
        late = waited_s > LATE_S
        tried = post.attempts > 0 or post.queued_at < self._since or post.id in self._begun
        over: dict[int, str] = {}
        if tried or late or waited_s > FRESH_S:
            try:
                over = await self._over(current.alerts)
            except _Unknown:
                await outbox.retry(ids(post), UNCHECKED, UNCHECKED_PAUSE_S)
                return UNCHECKED_PAUSE_S
        channel = self._bot.get_partial_messageable(post.channel_id, guild_id=post.guild_id)
        outcome: outgoing.Outcome | None = None
        if self._bot.user is not None and repeats.possible(self._services, post):
            found = await repeats.look(self._services, channel, self._bot.user.id, current)
            if isinstance(found, outgoing.Retry):
                outcome = found
            elif found.message_id is not None:
                outcome = outgoing.Sent(found.message_id)
            else:
                if found.alerts:
                    await outbox.expire(found.alerts, _POSTED)
                if found.rest is None:
                    return None
                current = found.rest
        # Discord forgets a nonce within minutes, and what is over is not sent again to learn whether it was
        # sent: who may have sent the post before looks for it first.
        if outcome is None and tried and (late or post.digest or over) and self._bot.user is not None:
            outcome = await outgoing.find(channel, current.nonce, self._bot.user.id)
        note: str | None = None
        if outcome is None:
            current = await self._still_open(current, over)
            if current is None:
                return None
            if late and not post.digest:
                note = f"found {fmt.since(post.queued_at)} ago, it was still open just now."
        stats = self._services.stats
        if not post.attempts:
            owed = max(alert.held_until or alert.queued_at for alert in post.alerts)
            stats.timings.observe("queue", (datetime.now(UTC) - owed).total_seconds())
        with stats.timings.timing("deliver"):
            if outcome is None:
                self._begun.add(post.id)
                outcome = await self._send(channel, _with_note(current, note))
        stats.deliveries[type(outcome).__name__.lower()] += 1
        match outcome:
            case outgoing.Sent(message_id):
                lags = [self._services.stats.announced(alert.listing.hash) for alert in current.alerts]
                _log_delivered(current, message_id, lags)
                self._accepted[post.id] = _Accepted(ids(current), message_id, note)
                self._publishing.sent(post.guild_id, post.channel_id, message_id)
                await self._note(post.id)
                return None
            case outgoing.Never(reason):
                log.warning("post is undeliverable", reason=reason)
                await outbox.undeliverable(ids(current), reason)
                self._bot.dispatch(losses.EVENT, post.guild_id, post.channel_id, outcome)
                return None
            case outgoing.Retry() as retry:
                pause = outgoing.pause(post.attempts, retry)
                log.warning("post is delayed", reason=retry.reason, again_in_s=pause)
                await outbox.retry(ids(current), retry.reason, pause)
                return pause

    async def _send(self, channel: discord.abc.Messageable, post: Post) -> outgoing.Outcome:
        shown, view = await buttons.drawn(self._services, post)
        roles = await pings.roles(self._services.watches, post)
        return await outgoing.send(
            channel,
            nonce=post.nonce,
            embed=shown,
            view=view,
            content=pings.text(roles),
            mentions=pings.allowed(roles),
        )

    async def _note(self, post_id: int) -> None:
        # A message that is out must not go out again because the database could not take a note of it.
        accepted = self._accepted[post_id]
        await self._services.outbox.delivered(post_id, accepted.ids, accepted.message_id, accepted.late)
        del self._accepted[post_id]
        self._begun.discard(post_id)

    async def set_aside(self, post: Post) -> float | None:
        """The seconds to wait after a fault; None where the post is given up."""
        if post.id in self._accepted:
            return FAULT_PAUSE_S
        try:
            return await self._put_off(post)
        except Exception:
            log.exception("the database takes no notes")
            return FAULT_PAUSE_S

    async def _put_off(self, post: Post) -> float | None:
        # A post that cannot be rendered or stored must not hold up its channel for ever.
        if post.attempts >= MOST_FAULTS:
            await self._services.outbox.undeliverable(ids(post), _FAULT)
            return None
        await self._services.outbox.retry(ids(post), _FAULT, FAULT_PAUSE_S)
        return FAULT_PAUSE_S

    async def _unmuted(self, post: Post) -> Post | None:
        """The post without what has been muted since; None where nothing is left."""
        silence = Silence(await self._services.mutes.active())
        muted = {
            alert.id for alert in post.alerts if silence.covers(alert.guild_id, alert.watch_id, alert.listing)
        }
        if muted:
            gone = [alert.listing.hash for alert in post.alerts if alert.id in muted]
            log.info("alerts expired", reason="muted", **{KEY: trace_ids(gone)})
            await self._services.outbox.expire(muted, "muted before the alert could be sent")
        return _without(post, muted)

    async def _over(self, alerts: Sequence[Alert]) -> dict[int, str]:
        """Which alerts tell of what is for sale no longer, and why.

        Raises `_Unknown` where the marketplace does not say: what is over is never posted.
        """
        statuses = await self._statuses(alerts)
        over: dict[int, str] = {}
        for alert in alerts:
            status = statuses.get(alert.listing.hash)
            if status is None:
                over[alert.id] = _GONE
            elif status.final:
                over[alert.id] = _OVER.get(status, f"the order is no longer valid ({status})")
        return over

    async def _still_open(self, post: Post, over: Mapping[int, str]) -> Post | None:
        """The post without what is over, of which that is noted; None where nothing is left."""
        for alert in post.alerts:
            if why := over.get(alert.id):
                log.info("alerts expired", reason=why, **{KEY: trace_ids([alert.listing.hash])})
                await self._services.outbox.expire([alert.id], why)
        return _without(post, over)

    async def _statuses(self, alerts: Sequence[Alert]) -> dict[str, OrderStatus]:
        try:
            return await self._standing.of([alert.listing.hash for alert in alerts])
        except (MarketError, TimeoutError) as error:
            log.warning("could not ask whether listings are still open", reason=repr(error))
            raise _Unknown from error


def _log_delivered(post: Post, message_id: int, lags: Sequence[float | None]) -> None:
    known = [lag for lag in lags if lag is not None]
    log.info(
        "post delivered",
        message=message_id,
        lag_ms=round(max(known), 1) if known else None,
        **{KEY: trace_ids(alert.listing.hash for alert in post.alerts)},
    )


def ids(post: Post) -> list[int]:
    """The alerts of a post."""
    return [alert.id for alert in post.alerts]


def _without(post: Post, gone: Collection[int]) -> Post | None:
    kept = tuple(alert for alert in post.alerts if alert.id not in gone)
    return msgspec.structs.replace(post, alerts=kept) if kept else None


def _with_note(post: Post, late: str | None) -> Post:
    if late is None:
        return post
    noted = tuple(msgspec.structs.replace(alert, late=late) for alert in post.alerts)
    return msgspec.structs.replace(post, alerts=noted)
