"""Alerts as their messages show them: what they were, what became of their listings, who is on them.

A post is one message; something that happens to one of its alerts marks it, and the marks of a moment are
one edit. The marks are in the database, so that an edit owed by one life of the process is made by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.tables import (
    AlertRow,
    AlertState,
    ClaimRow,
    ListingRow,
    OutcomeRow,
    PostRow,
    PredictionRow,
)
from bot.waiting import Waiting, machine_time
from pipeline.market.values import Listing, OrderStatus
from pipeline.signal import Prediction

_NEXT_AT = select(func.min(PostRow.edit_at)).where(PostRow.message_id.is_not(None))
GATHER_S = 2.0  # what happens within so long is told in one edit
log = structlog.get_logger(__name__)


class Claim(Struct, frozen=True):
    """Who is on an alert, by the name that they had then, since when in the machine's time."""

    user_id: int
    name: str
    at: datetime


class Ending(Struct, frozen=True):
    """How the order ended; the dollars as `bot.services.ledger` explains them."""

    status: OrderStatus
    at: datetime
    sold_usd: float | None = None
    net_usd: float | None = None
    basis: str | None = None
    resale_usd: float | None = None
    resold_at: datetime | None = None


class Alert(Struct, frozen=True):
    """One listing for one watch. `listing` and `prediction` are those that were announced.

    `repriced` is the seller's newest order where that is another, with its prediction, and `clears` tells
    whether it still reaches the watch's thresholds. `was_usd` is an earlier and higher ask.
    `created_at` is market time; `queued_at` the same moment in real time, like `next_attempt_at` and
    `held_until`, until when it waited for a digest.
    """

    id: int
    guild_id: int
    channel_id: int
    watch_id: int | None
    watch_name: str
    listing: Listing
    prediction: Prediction
    state: AlertState
    attempts: int
    created_at: datetime
    queued_at: datetime
    next_attempt_at: datetime
    held_until: datetime | None = None
    was_usd: float | None = None
    late: str | None = None
    repriced: tuple[Listing, Prediction | None] | None = None
    clears: bool = True
    ending: Ending | None = None
    claim: Claim | None = None


class Post(Struct, frozen=True):
    """A message with the alerts in it, in order; not yet sent while `message_id` is None."""

    id: int
    guild_id: int
    channel_id: int
    nonce: str
    message_id: int | None
    revision: int
    alerts: tuple[Alert, ...]

    @property
    def digest(self) -> bool:
        """Whether it gathers what its watch has held back."""
        return any(alert.held_until is not None for alert in self.alerts)

    @property
    def attempts(self) -> int:
        """How often it was tried."""
        return max(alert.attempts for alert in self.alerts)

    @property
    def queued_at(self) -> datetime:
        """When it was written down, in real time."""
        return min(alert.queued_at for alert in self.alerts)


class Posts:
    """The messages in the database, and the wait for the next one that is to be edited."""

    def __init__(self, db: Database, *, now: Callable[[], datetime] = machine_time) -> None:
        self._db = db
        self._now = now
        self._waiting = Waiting(db, _NEXT_AT, now)

    async def get(self, post_id: int) -> Post | None:
        """A post with its delivered alerts."""
        async with self._db.reading() as session:
            posts, _ = await load(
                session, AlertRow.post_id == post_id, AlertRow.state == AlertState.DELIVERED
            )
        return posts[0] if posts else None

    async def of_alert(self, guild_id: int, alert_id: int) -> tuple[Post, Alert] | None:
        """The post that a server's alert is in, and the alert; None where there is none of that number."""
        async with self._db.reading() as session:
            post_id = await session.scalar(
                select(AlertRow.post_id).where(AlertRow.id == alert_id, AlertRow.guild_id == guild_id)
            )
        post = None if post_id is None else await self.get(post_id)
        found = [alert for alert in post.alerts if alert.id == alert_id] if post is not None else []
        return (post, found[0]) if post is not None and found else None

    async def to_edit(self, limit: int = 20) -> list[Post]:
        """Sent posts whose edit is due, oldest first. One that shows nothing any more is forgotten."""
        due = (
            select(PostRow.id)
            .where(PostRow.edit_at <= self._now(), PostRow.message_id.is_not(None))
            .order_by(PostRow.edit_at)
            .limit(limit)
        )
        async with self._db.reading() as session:
            ids = list(await session.scalars(due))
            if not ids:
                return []
            posts, _ = await load(session, AlertRow.post_id.in_(ids), AlertRow.state == AlertState.DELIVERED)
        for empty in set(ids) - {post.id for post in posts}:
            await self.drop(empty)
        by_id = {post.id: post for post in posts}
        return [by_id[id_] for id_ in ids if id_ in by_id]

    async def edited(self, post: Post) -> None:
        """The message shows the post as it is in hand; what has happened since is still to be told."""
        async with self._db.session() as session:
            await session.execute(
                update(PostRow)
                .where(PostRow.id == post.id, PostRow.revision == post.revision)
                .values(edit_at=None)
            )

    async def put_off(self, post_id: int, delay_s: float) -> None:
        """Edit it so many real seconds later."""
        async with self._db.session() as session:
            edit_at = self._now() + timedelta(seconds=delay_s)
            await session.execute(update(PostRow).where(PostRow.id == post_id).values(edit_at=edit_at))
        self.wake()

    async def drop(self, post_id: int) -> None:
        """Leave the message as it is until something else happens: it cannot be edited."""
        async with self._db.session() as session:
            await session.execute(update(PostRow).where(PostRow.id == post_id).values(edit_at=None))

    async def wait(self) -> None:
        """Return once an edit is due, sleeping until then or until `wake`."""
        await self._waiting.wait()

    def wake(self) -> None:
        """Tell `wait` that something happened to posts."""
        self._waiting.wake()


async def touch(session: AsyncSession, hashes: Sequence[str]) -> None:
    """Mark the posts of delivered alerts that follow these orders, in the transaction that changes them."""
    if not hashes:
        return
    await mark(session, AlertRow.current_hash.in_(hashes), AlertRow.state == AlertState.DELIVERED)


async def mark(session: AsyncSession, *alerts: ColumnElement[bool]) -> None:
    """Mark the posts of such alerts: something has happened to them that their messages should tell."""
    posts = select(AlertRow.post_id).where(*alerts)
    edit_at = machine_time() + timedelta(seconds=GATHER_S)
    await session.execute(
        update(PostRow)
        .where(PostRow.id.in_(posts))
        # The first mark sets the moment; later ones do not push it away.
        .values(revision=PostRow.revision + 1, edit_at=func.coalesce(PostRow.edit_at, edit_at))
    )


async def load(session: AsyncSession, *where: ColumnElement[bool]) -> tuple[list[Post], dict[int, str]]:
    """Posts with those of their alerts that match, oldest first; and why an alert could not be read."""
    found: dict[int, tuple[Any, list[Alert]]] = {}
    unreadable: dict[int, str] = {}
    for row in await session.execute(_STORED.where(*where)):
        try:
            alert = _alert(row)
        except (msgspec.DecodeError, ValueError) as error:
            unreadable[row.id] = str(error)
            continue
        found.setdefault(row.post_id, (row, []))[1].append(alert)
    posts = [
        Post(id_, row.guild_id, row.channel_id, row.nonce, row.message_id, row.revision, tuple(alerts))
        for id_, (row, alerts) in found.items()
    ]
    return posts, unreadable


def _alert(row: Any) -> Alert:
    repriced = None
    if row.current_hash != row.listing_hash:
        told = None if row.priced is None else msgspec.json.decode(row.priced, type=Prediction)
        repriced = (msgspec.json.decode(row.current, type=Listing), told)
    return Alert(
        id=row.id,
        guild_id=row.guild_id,
        channel_id=row.channel_id,
        watch_id=row.watch_id,
        watch_name=row.watch_name,
        listing=msgspec.json.decode(row.listing, type=Listing),
        prediction=msgspec.json.decode(row.prediction, type=Prediction),
        state=AlertState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        queued_at=row.queued_at,
        next_attempt_at=row.next_attempt_at,
        held_until=row.held_until,
        was_usd=row.was_usd,
        late=row.late,
        repriced=repriced,
        clears=row.clears,
        ending=None if row.ended_at is None else _ending(row),
        claim=None if row.claimed_at is None else Claim(row.claimed_by, row.claimed_name, row.claimed_at),
    )


def _ending(row: Any) -> Ending:
    return Ending(
        OrderStatus(row.ended_as),
        row.ended_at,
        row.sold_usd,
        row.net_usd,
        row.basis,
        row.resale_usd,
        row.resold_at,
    )


def _stored() -> Select[*tuple[Any, ...]]:
    """All that is known of alerts, a row each.

    Columns rather than objects: an alert is read on its way to Discord, where milliseconds count.
    """
    post, alert, outcome, claim = (row.__table__ for row in (PostRow, AlertRow, OutcomeRow, ClaimRow))
    listing, prediction = ListingRow.__table__, PredictionRow.__table__
    current, priced = listing.alias("current_order"), prediction.alias("current_price")
    tables = (
        alert.join(post, post.c.id == alert.c.post_id)
        .join(listing, listing.c.hash == alert.c.listing_hash)
        .join(prediction, prediction.c.listing_hash == alert.c.listing_hash)
        .join(current, current.c.hash == alert.c.current_hash)
        .outerjoin(priced, priced.c.listing_hash == alert.c.current_hash)
        .outerjoin(outcome, outcome.c.listing_hash == alert.c.current_hash)
        .outerjoin(claim, claim.c.alert_id == alert.c.id)
    )
    return (
        select(
            *alert.c,
            post.c.nonce,
            post.c.message_id,
            post.c.revision,
            listing.c.body.label("listing"),
            prediction.c.body.label("prediction"),
            current.c.body.label("current"),
            priced.c.body.label("priced"),
            outcome.c.status.label("ended_as"),
            outcome.c.at.label("ended_at"),
            outcome.c.sold_usd,
            outcome.c.net_usd,
            outcome.c.basis,
            outcome.c.resale_usd,
            outcome.c.resold_at,
            claim.c.user_id.label("claimed_by"),
            claim.c.name.label("claimed_name"),
            claim.c.at.label("claimed_at"),
        )
        .select_from(tables)
        .order_by(alert.c.id)
    )


_STORED = _stored()
