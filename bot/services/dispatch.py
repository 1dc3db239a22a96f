"""From signals to alerts, in the transaction that records their listings.

The alerts of one batch for one channel share a post, which is one message; those that a watch holds back
share the post of its digest. An alert follows its axie: a
new order of the same seller does not make a second alert while the former one still reached the watch's
thresholds; the message of the first then tells the new price.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db.servers import WatchRow
from bot.db.tables import AlertRow, AlertState, ListingRow, PostRow, PredictionRow
from bot.services.pacing import held_until, hour_start
from bot.services.posts import touch
from bot.services.watches import Watch
from pipeline.market.values import Listing, OrderStatus
from pipeline.signal import Filters, Prediction, Thresholds, refusal

MOST_IN_POST = 100  # listings: what a page of the marketplace can bring
FOLLOWED = timedelta(days=30)  # how long after it an alert still speaks of new orders for its axie


class Signal(Struct, frozen=True):
    """A new listing with its prediction and the watches that it is a signal for, which may be none."""

    listing: Listing
    prediction: Prediction | None
    watches: tuple[Watch, ...]


class _Order(NamedTuple):
    """An earlier order for the same axie by the same seller, with its ask where it was priced."""

    started_at: datetime
    hash: str
    status: OrderStatus
    ask_usd: float | None


class _Former(Struct, frozen=True):
    """An alert of such an order, with what its watch wants now; None where it was removed."""

    alert_id: int
    watch_id: int | None
    state: str
    clears: bool
    wants: tuple[Thresholds, Filters] | None


class _Place(NamedTuple):
    """Where alerts go together: at once into a channel, or later into the digest of a watch."""

    guild_id: int
    channel_id: int
    watch_id: int | None
    held_until: datetime | None
    number: int


async def dispatch(session: AsyncSession, signals: Sequence[Signal], now: datetime) -> list[str]:
    """Record what new listings cause: alerts, and what former alerts have to follow.

    Returns the order's hash of each new alert.

    A watch removed since the signal was found gets no alert.
    """
    # Where an axie was listed anew within one batch, only its newest order can still be bought.
    signals = list({signal.listing.axie.id: signal for signal in signals}.values())
    kept = await _kept(session, signals)
    earlier = await _earlier(session, signals, now)
    former = await _former(session, earlier, now) if earlier else {}
    wanted: list[tuple[Watch, Signal]] = []
    for signal in signals:
        told = former.get(signal.listing.hash, [])
        await _follow(session, signal, told, now)
        # The newest alert of a watch decides: where it never went out, its people know of no price that pays.
        newest = {each.watch_id: each for each in told}.values()
        heard = {each.watch_id for each in newest if each.clears and each.state == AlertState.DELIVERED}
        wanted += [(watch, signal) for watch in signal.watches if watch.id in kept and watch.id not in heard]
    if not wanted:
        return []
    rows = await _rows(session, wanted, earlier, now)
    places = _places(rows)
    ids = await _posts(session, places)
    # A statement for each of ten thousand channels would hold the transaction open for a minute.
    await session.execute(
        insert(AlertRow.__table__),  # type: ignore[arg-type]
        [row | {"post_id": ids[place]} for place, together in places.items() for row in together],
    )
    return [row["listing_hash"] for row in rows]


def nonce(watch_id: int, listing_hash: str) -> str:
    """The same 24 characters for the same alert always: Discord drops a repeated message by them."""
    return hashlib.blake2b(f"{watch_id}:{listing_hash}".encode(), digest_size=12).hexdigest()


async def _kept(session: AsyncSession, signals: Sequence[Signal]) -> set[int]:
    ids = {watch.id for signal in signals for watch in signal.watches}
    if not ids:
        return set()
    # The lock keeps the watches from being removed before the commit on PostgreSQL; SQLite has its own.
    there = select(WatchRow.id).where(WatchRow.id.in_(ids)).with_for_update(read=True, key_share=True)
    return set(await session.scalars(there))


async def _earlier(
    session: AsyncSession, signals: Sequence[Signal], now: datetime
) -> dict[str, list[_Order]]:
    """By the hash of a new listing, what the same seller had asked for the same axie, oldest first."""
    new = {signal.listing.axie.id: signal.listing for signal in signals}
    rows = await session.execute(
        select(ListingRow.axie_id, ListingRow.hash, ListingRow.status, ListingRow.body, PredictionRow.ask_usd)
        .join(PredictionRow, PredictionRow.listing_hash == ListingRow.hash, isouter=True)
        .where(
            ListingRow.axie_id.in_(new),
            ListingRow.hash.not_in([listing.hash for listing in new.values()]),
            ListingRow.seen_at >= now - FOLLOWED,
        )
    )
    found: defaultdict[str, list[_Order]] = defaultdict(list)
    for axie_id, hash_, status, body, ask_usd in rows:
        before, listing = msgspec.json.decode(body, type=Listing), new[axie_id]
        same = before.seller.lower() == listing.seller.lower()
        if same and before.started_at <= listing.started_at:
            found[listing.hash].append(_Order(before.started_at, hash_, OrderStatus(status), ask_usd))
    return {hash_: sorted(orders) for hash_, orders in found.items()}


async def _former(
    session: AsyncSession, earlier: dict[str, list[_Order]], now: datetime
) -> dict[str, list[_Former]]:
    """By the hash of a new listing, the alerts of earlier orders, oldest first, unless those were sold."""
    newer = {
        order.hash: hash_
        for hash_, orders in earlier.items()
        for order in orders
        if order.status is not OrderStatus.MATCHED
    }
    rows = await session.execute(
        select(AlertRow, WatchRow.thresholds, WatchRow.filters)
        .join(WatchRow, WatchRow.id == AlertRow.watch_id, isouter=True)
        .where(
            AlertRow.current_hash.in_(newer),
            AlertRow.created_at >= now - FOLLOWED,
        )
        .order_by(AlertRow.id)
    )
    found: defaultdict[str, list[_Former]] = defaultdict(list)
    for row, thresholds, filters in rows:
        wants = None
        if thresholds is not None:
            wants = (
                msgspec.json.decode(thresholds, type=Thresholds),
                msgspec.json.decode(filters, type=Filters),
            )
        alert = _Former(row.id, row.watch_id, row.state, row.clears, wants)
        found[newer[row.current_hash]].append(alert)
    return found


def _clears(former: _Former, signal: Signal, now: datetime) -> bool:
    """Whether the new order reaches what the alert's watch wants, be that paused or muted meanwhile."""
    if former.wants is None:
        return True
    thresholds, filters = former.wants
    priced = signal.prediction
    return priced is not None and refusal(thresholds, filters, signal.listing, priced, now) is None


def _dearer(signal: Signal, earlier: Sequence[_Order]) -> float | None:
    """What was asked before, in dollars, where that was more."""
    asks = [order.ask_usd for order in earlier if order.ask_usd is not None]
    now = signal.prediction
    return asks[-1] if asks and now is not None and asks[-1] > now.ask_usd else None


async def _follow(session: AsyncSession, signal: Signal, former: Sequence[_Former], now: datetime) -> None:
    following = [each for each in former if each.state in (AlertState.DELIVERED, AlertState.PENDING)]
    if not following:
        return
    hash_ = signal.listing.hash
    for each in following:
        values: dict[str, Any]
        if each.state == AlertState.PENDING:
            values = {"state": AlertState.EXPIRED, "reason": "the price has changed", "settled_at": now}
        else:
            values = {"current_hash": hash_, "clears": _clears(each, signal, now)}
        await session.execute(update(AlertRow).where(AlertRow.id == each.alert_id).values(values))
    asked = update(ListingRow).where(ListingRow.hash == hash_)
    await session.execute(asked.values(alerted=True, next_check_at=now))
    await touch(session, [hash_])


async def _rows(
    session: AsyncSession,
    wanted: Sequence[tuple[Watch, Signal]],
    earlier: dict[str, list[_Order]],
    now: datetime,
) -> list[dict[str, Any]]:
    queued_at = datetime.now(UTC)
    capped = {watch.id for watch, _ in wanted if watch.delivery.cap is not None}
    sent = await _sent_this_hour(session, capped, queued_at) if capped else Counter()
    rows = []
    for watch, signal in wanted:
        hash_ = signal.listing.hash
        until = held_until(watch.delivery, watch.zone, queued_at, sent[watch.id])
        sent[watch.id] += until is None
        rows.append(
            {
                "watch_id": watch.id,
                "listing_hash": hash_,
                "current_hash": hash_,
                "clears": True,
                "guild_id": watch.guild_id,
                "channel_id": watch.channel_id,
                "watch_name": watch.name,
                "was_usd": _dearer(signal, earlier.get(hash_, ())),
                "state": AlertState.PENDING,
                "attempts": 0,
                "created_at": now,
                "queued_at": queued_at,
                "next_attempt_at": until or queued_at,
                "held_until": until,
            }
        )
    return rows


async def _sent_this_hour(session: AsyncSession, watch_ids: set[int], now: datetime) -> Counter[int]:
    rows = (
        select(AlertRow.watch_id, func.count())
        .where(
            AlertRow.watch_id.in_(watch_ids),
            AlertRow.queued_at >= hour_start(now),
            AlertRow.held_until.is_(None),
        )
        .group_by(AlertRow.watch_id)
    )
    return Counter({id_: count for id_, count in await session.execute(rows) if id_ is not None})


def _places(rows: Sequence[dict[str, Any]]) -> dict[_Place, list[dict[str, Any]]]:
    """The rows by the post that they belong to: what is held by its watch and end, the rest by channel."""
    places: defaultdict[_Place, list[dict[str, Any]]] = defaultdict(list)
    listings: defaultdict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for row in rows:
        channel = (row["guild_id"], row["channel_id"])
        if row["held_until"] is not None:
            places[_Place(*channel, row["watch_id"], row["held_until"], 0)].append(row)
        else:
            known = listings[channel]
            number = known.setdefault(row["listing_hash"], len(known)) // MOST_IN_POST
            places[_Place(*channel, None, None, number)].append(row)
    return places


async def _posts(session: AsyncSession, places: dict[_Place, list[dict[str, Any]]]) -> dict[_Place, int]:
    """The post of each place: the digest that its watch has begun, or a new one."""
    found: dict[_Place, int] = {}
    for place in places:
        if place.held_until is not None:
            waiting = select(AlertRow.post_id).where(
                AlertRow.watch_id == place.watch_id,
                AlertRow.held_until == place.held_until,
                AlertRow.state == AlertState.PENDING,
            )
            post_id = (await session.scalars(waiting.limit(1))).first()
            if post_id is not None:
                found[place] = post_id
    new = {
        nonce(together[0]["watch_id"], together[0]["listing_hash"]): place
        for place, together in places.items()
        if place not in found
    }
    if new:
        rows = [
            {"guild_id": place.guild_id, "channel_id": place.channel_id, "nonce": nonce_, "revision": 0}
            for nonce_, place in new.items()
        ]
        made = await session.execute(insert(PostRow).returning(PostRow.id, PostRow.nonce), rows)
        found |= {new[nonce_]: id_ for id_, nonce_ in made}
    return found
