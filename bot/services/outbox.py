"""Alerts on their way to Discord. Only a pending alert is handed out, and every later state is for good.

Delivery is paced in the machine's time, whatever the market's clock says. A post keeps its nonce over
all attempts: a crash between Discord's acceptance and `delivered` ends in a retry that Discord drops or,
some minutes later, in one that finds the message by that nonce.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from msgspec import Struct
from sqlalchemy import case, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from bot.db import Database
from bot.db.tables import AlertRow, AlertState, ListingRow, PostRow
from bot.services.alerts import Post, load
from bot.waiting import Waiting, machine_time
from pipeline.clock import Clock
from pipeline.market.values import OrderStatus

_NEXT_AT = select(func.min(AlertRow.next_attempt_at)).where(AlertRow.state == AlertState.PENDING)
REVIVED = timedelta(days=1)
log = structlog.get_logger(__name__)


class Problem(Struct, frozen=True):
    """An alert that could not be, or has not yet been, delivered, and why."""

    alert_id: int
    channel_id: int
    watch_name: str
    axie_id: int
    reason: str
    at: datetime


class OutboxCounts(Struct, frozen=True):
    """How many alerts are in each state."""

    pending: int = 0
    delivered: int = 0
    undeliverable: int = 0
    expired: int = 0


class Owed(NamedTuple):
    """A post that is due, as far as its turn depends on it: since when, for whom, and its first alert."""

    post_id: int
    guild_id: int
    channel_id: int
    due_at: datetime
    first_alert: int


class Backlog(Struct, frozen=True):
    """What waits: alerts that are due or between two attempts, and those held back for a digest.

    `oldest_s` is for how many real seconds the oldest of the former has been owed.
    """

    due: int = 0
    held: int = 0
    oldest_s: float = 0.0


class Outbox:
    """The alerts in the database, and the wait for the next one that is due.

    `clock` stamps when an alert was settled, in market time; `now` paces the attempts, in real time.
    """

    def __init__(self, db: Database, clock: Clock, *, now: Callable[[], datetime] = machine_time) -> None:
        self._db = db
        self._clock = clock
        self._now = now
        self._waiting = Waiting(db, _NEXT_AT, now, self._set_back)

    async def due(self, limit: int = 50) -> list[Post]:
        """Posts with an alert whose next attempt is not in the future, oldest first, with all that pends.

        An alert whose stored listing cannot be read any more becomes undeliverable instead of blocking
        the rest.
        """
        return await self.posts([owed.post_id for owed in await self.owed(limit)])

    async def owed(self, limit: int) -> list[Owed]:
        """The posts that are due, oldest first; of one moment, each server's first before any's second.

        Within a server they go by their nonces. A nonce follows from watch and listing as a hash does: with
        each listing it is somebody else's turn to be the first or the last.
        """
        due_at = func.min(AlertRow.next_attempt_at)
        of_its_guild = func.row_number().over(partition_by=(PostRow.guild_id, due_at), order_by=PostRow.nonce)
        due = (
            select(PostRow.id, PostRow.guild_id, PostRow.channel_id, due_at, func.min(AlertRow.id))
            .join(PostRow, PostRow.id == AlertRow.post_id)
            .where(AlertRow.state == AlertState.PENDING, AlertRow.next_attempt_at <= self._now())
            .group_by(PostRow.id)
            .order_by(due_at, of_its_guild, PostRow.nonce)
            .limit(limit)
        )
        async with self._db.reading() as session:
            return [Owed(*row) for row in await session.execute(due)]

    async def posts(self, ids: Sequence[int]) -> list[Post]:
        """Posts with all that pends of them, in the order of the numbers.

        An alert whose stored listing cannot be read any more becomes undeliverable instead.
        """
        if not ids:
            return []
        async with self._db.reading() as session:
            posts, unreadable = await load(
                session, AlertRow.post_id.in_(ids), AlertRow.state == AlertState.PENDING
            )
        for id_, reason in unreadable.items():
            log.error("stored alert cannot be read", alert=id_, reason=reason)
            await self.undeliverable([id_], f"its stored listing cannot be read: {reason}")
        place = {id_: number for number, id_ in enumerate(ids)}
        return sorted(posts, key=lambda post: place[post.id])

    async def delivered(
        self, post_id: int, ids: Collection[int], message_id: int, late: str | None = None
    ) -> None:
        """The message is in its channel; whatever else was decided meanwhile, this is what happened.

        What has happened to a listing meanwhile is told by an edit of the message.
        """
        now = self._now()
        changed = select(ListingRow.hash).where(
            ListingRow.hash == AlertRow.current_hash, ListingRow.status != OrderStatus.OPEN
        )
        mine = AlertRow.post_id == post_id
        settled = {"state": AlertState.DELIVERED, "reason": None, "late": late}
        stale = select(AlertRow.id).where(
            mine,
            or_(AlertRow.id.not_in(ids), exists(changed), AlertRow.current_hash != AlertRow.listing_hash),
        )
        edit_at = case((exists(stale), now), else_=PostRow.edit_at)
        async with self._db.session() as session:
            await session.execute(
                update(AlertRow)
                .where(mine, AlertRow.id.in_(ids))
                .values(settled_at=self._clock.now(), attempts=AlertRow.attempts + 1, **settled)
            )
            post = update(PostRow).where(PostRow.id == post_id)
            await session.execute(post.values(message_id=message_id, edit_at=edit_at))

    async def retry(self, ids: Collection[int], reason: str, delay_s: float) -> None:
        """Try pending alerts again after that many real seconds; wakes `wait` to take note."""
        next_attempt_at = self._now() + timedelta(seconds=max(delay_s, 0.0))
        async with self._db.session() as session:
            await session.execute(
                update(AlertRow)
                .where(AlertRow.id.in_(ids), AlertRow.state == AlertState.PENDING)
                .values(attempts=AlertRow.attempts + 1, reason=reason, next_attempt_at=next_attempt_at)
            )
        self.wake()

    async def undeliverable(self, ids: Collection[int], reason: str) -> None:
        """Give pending alerts up: no retry can help (the channel is gone, the bot may not write)."""
        await self._settle(ids, AlertState.UNDELIVERABLE, reason)

    async def expire(self, ids: Collection[int], reason: str) -> None:
        """Let pending alerts go: they would tell of something that is over."""
        await self._settle(ids, AlertState.EXPIRED, reason)

    async def revive(self, watch_id: int, channel_id: int) -> int:
        """Owe again, in this channel, what a watch could not deliver since yesterday; how many alerts.

        A post that another watch shares stays where it was meant to be.
        """
        now = self._now()
        lost = (AlertRow.state == AlertState.UNDELIVERABLE, AlertRow.queued_at >= now - REVIVED)
        others = aliased(AlertRow)
        shared = exists().where(others.post_id == AlertRow.post_id, others.watch_id != watch_id)
        mine = select(AlertRow.id).where(
            AlertRow.watch_id == watch_id, *lost, or_(~shared, AlertRow.channel_id == channel_id)
        )
        async with self._db.session() as session:
            ids = list(await session.scalars(mine))
            if not ids:
                return 0
            owed = {"state": AlertState.PENDING, "reason": None, "settled_at": None, "attempts": 0}
            await session.execute(
                update(AlertRow)
                .where(AlertRow.id.in_(ids))
                .values(**owed, next_attempt_at=now, channel_id=channel_id)
            )
            posts = select(AlertRow.post_id).where(AlertRow.id.in_(ids))
            await session.execute(update(PostRow).where(PostRow.id.in_(posts)).values(channel_id=channel_id))
        return len(ids)

    async def wait(self) -> None:
        """Return once an alert is due, sleeping until then or until `wake`."""
        await self._waiting.wait()

    async def _set_back(self) -> None:
        """Try now what was written down later than now; what is held for a digest keeps its time."""
        now = self._now()
        from_the_future = (
            AlertRow.state == AlertState.PENDING,
            AlertRow.held_until.is_(None),
            AlertRow.queued_at > now + timedelta(seconds=1),
        )
        async with self._db.session() as session:
            owed = update(AlertRow).where(*from_the_future)
            await session.execute(owed.values(queued_at=now, next_attempt_at=now))

    def wake(self) -> None:
        """Tell `wait` that alerts were recorded."""
        self._waiting.wake()

    async def problems(self, guild_id: int, limit: int = 5) -> list[Problem]:
        """A server's alerts that failed for good or are being tried again, newest first."""
        rows = (
            select(AlertRow, ListingRow.axie_id)
            .join(ListingRow, ListingRow.hash == AlertRow.listing_hash)
            .where(
                AlertRow.guild_id == guild_id,
                AlertRow.state.in_((AlertState.UNDELIVERABLE, AlertState.PENDING)),
                AlertRow.reason.is_not(None),
            )
            .order_by(AlertRow.id.desc())
            .limit(limit)
        )
        async with self._db.reading() as session:
            return [
                Problem(
                    alert.id,
                    alert.channel_id,
                    alert.watch_name,
                    axie_id,
                    alert.reason or "",
                    alert.settled_at or alert.created_at,
                )
                for alert, axie_id in await session.execute(rows)
            ]

    async def counts(self, guild_id: int | None = None) -> OutboxCounts:
        """How many alerts are in each state, of one server or of all."""
        rows = select(AlertRow.state, func.count()).group_by(AlertRow.state)
        if guild_id is not None:
            rows = rows.where(AlertRow.guild_id == guild_id)
        async with self._db.reading() as session:
            return OutboxCounts(**dict((await session.execute(rows)).all()))

    async def backlog(self) -> Backlog:
        """What waits to be delivered, now."""
        now = self._now()
        held = AlertRow.held_until.is_not(None) & (AlertRow.held_until > now)
        owed = func.coalesce(AlertRow.held_until, AlertRow.queued_at)
        rows = select(
            func.count().filter(~held), func.count().filter(held), func.min(owed).filter(~held)
        ).where(AlertRow.state == AlertState.PENDING)
        async with self._db.reading() as session:
            due, waiting, oldest = (await session.execute(rows)).one()
        return Backlog(due, waiting, max((now - oldest).total_seconds(), 0.0) if oldest else 0.0)

    async def _settle(self, ids: Collection[int], state: AlertState, reason: str) -> None:
        async with self._db.session() as session:
            await session.execute(
                update(AlertRow)
                .where(AlertRow.id.in_(ids), AlertRow.state == AlertState.PENDING)
                .values(state=state, reason=reason, settled_at=self._clock.now())
            )
