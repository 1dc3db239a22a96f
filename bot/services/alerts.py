"""An alert and a post as values: what they were, what became of their listings, who is on them.

All that is known of an alert is read in one statement, for it is read on its way to Discord.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.tables import AlertRow, AlertState, ClaimRow, ListingRow, OutcomeRow, PostRow, PredictionRow
from pipeline.market.values import Listing, OrderStatus
from pipeline.signal import Prediction


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
