"""Alerts as their messages show them: what they were, what became of their listings, who is on them.

A post is one message; something that happens to one of its alerts marks it, and the marks of a moment are
one edit. The marks are in the database, so that an edit owed by one life of the process is made by the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

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
from pipeline.market.values import Listing, OrderStatus
from pipeline.signal import Prediction

GATHER_S = 2.0  # what happens within so long is told in one edit
LOOK_AGAIN_S = 30.0
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
    `created_at` is market time; `queued_at` the same moment in real time, like `held_until`, until when it
    waited for a digest.
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


def machine_time() -> datetime:
    """Aware UTC time of this machine."""
    return datetime.now(UTC)


class Posts:
    """The messages in the database, and the wait for the next one that is to be edited."""

    def __init__(self, db: Database, *, now: Callable[[], datetime] = machine_time) -> None:
        self._db = db
        self._now = now
        self._awake = asyncio.Event()

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
        while True:
            self._awake.clear()
            async with self._db.reading() as session:
                next_at = await session.scalar(
                    select(func.min(PostRow.edit_at)).where(PostRow.message_id.is_not(None))
                )
            pause = LOOK_AGAIN_S if next_at is None else (next_at - self._now()).total_seconds()
            if pause <= 0:
                return
            try:
                async with asyncio.timeout(min(pause, LOOK_AGAIN_S)):
                    await self._awake.wait()
            except TimeoutError:
                continue

    def wake(self) -> None:
        """Tell `wait` that something happened to posts."""
        self._awake.set()


async def touch(session: AsyncSession, hashes: Sequence[str]) -> None:
    """Mark the posts of delivered alerts that follow these orders, in the transaction that changes them."""
    if not hashes:
        return
    posts = select(AlertRow.post_id).where(
        AlertRow.current_hash.in_(hashes), AlertRow.state == AlertState.DELIVERED
    )
    edit_at = machine_time() + timedelta(seconds=GATHER_S)
    await session.execute(
        update(PostRow)
        .where(PostRow.id.in_(posts))
        # The first mark sets the moment; later ones do not push it away.
        .values(revision=PostRow.revision + 1, edit_at=func.coalesce(PostRow.edit_at, edit_at))
    )


async def load(
    session: AsyncSession, *where: ColumnElement[bool], limit: int | None = None
) -> tuple[list[Post], dict[int, str]]:
    """Posts with those of their alerts that match, oldest first; and why an alert could not be read."""
    found: dict[int, tuple[PostRow, list[Alert]]] = {}
    unreadable: dict[int, str] = {}
    for row in await session.execute(_query().where(*where).limit(limit)):
        try:
            alert = _alert(*row[1:])
        except (msgspec.DecodeError, ValueError) as error:
            unreadable[row[1].id] = str(error)
            continue
        found.setdefault(row[0].id, (row[0], []))[1].append(alert)
    posts = [
        Post(
            post.id, post.guild_id, post.channel_id, post.nonce, post.message_id, post.revision, tuple(alerts)
        )
        for post, alerts in found.values()
    ]
    return posts, unreadable


def _query() -> Select[*tuple[Any, ...]]:
    current, priced = aliased(ListingRow), aliased(PredictionRow)
    return (
        select(
            PostRow, AlertRow, ListingRow.body, PredictionRow.body, current, priced.body, OutcomeRow, ClaimRow
        )
        .select_from(AlertRow)
        .join(PostRow, PostRow.id == AlertRow.post_id)
        .join(ListingRow, ListingRow.hash == AlertRow.listing_hash)
        .join(PredictionRow, PredictionRow.listing_hash == AlertRow.listing_hash)
        .join(current, current.hash == AlertRow.current_hash)
        .join(priced, priced.listing_hash == AlertRow.current_hash, isouter=True)
        .join(OutcomeRow, OutcomeRow.listing_hash == AlertRow.current_hash, isouter=True)
        .join(ClaimRow, ClaimRow.alert_id == AlertRow.id, isouter=True)
        .order_by(AlertRow.id)
    )


def _alert(
    row: AlertRow,
    listing: str,
    prediction: str,
    current: ListingRow,
    priced: str | None,
    outcome: OutcomeRow | None,
    claim: ClaimRow | None,
) -> Alert:
    repriced = None
    if row.current_hash != row.listing_hash:
        told = None if priced is None else msgspec.json.decode(priced, type=Prediction)
        repriced = (msgspec.json.decode(current.body, type=Listing), told)
    return Alert(
        id=row.id,
        guild_id=row.guild_id,
        channel_id=row.channel_id,
        watch_id=row.watch_id,
        watch_name=row.watch_name,
        listing=msgspec.json.decode(listing, type=Listing),
        prediction=msgspec.json.decode(prediction, type=Prediction),
        state=AlertState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        queued_at=row.queued_at,
        held_until=row.held_until,
        was_usd=row.was_usd,
        late=row.late,
        repriced=repriced,
        clears=row.clears,
        ending=None if outcome is None else _ending(outcome),
        claim=None if claim is None else Claim(claim.user_id, claim.name, claim.at),
    )


def _ending(row: OutcomeRow) -> Ending:
    return Ending(
        OrderStatus(row.status),
        row.at,
        row.sold_usd,
        row.net_usd,
        row.basis,
        row.resale_usd,
        row.resold_at,
    )


def hashes(alerts: Collection[Alert]) -> list[str]:
    """The orders that alerts follow now."""
    return [alert.repriced[0].hash if alert.repriced else alert.listing.hash for alert in alerts]
