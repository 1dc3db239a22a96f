"""What was seen, what was predicted of it, and what came of it. Write before you act: a listing, its
prediction and its alerts are one transaction, and only what is committed here is delivered.

A listing is known by its order's hash. Recording one again, after a crash or a replay, changes nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import and_, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.tables import AlertRow, AlertState, ListingRow, OutcomeRow, PredictionRow, WatchRow
from bot.services.pacing import held_until, hour_start
from bot.services.watches import Watch
from pipeline.clock import Clock
from pipeline.market.traits import collection
from pipeline.market.values import Listing, OrderStatus, Resolution
from pipeline.signal import Prediction

log = structlog.get_logger(__name__)


class Entry(Struct, frozen=True):
    """A listing as it was scored: no prediction without a champion, and the watches it is a signal for."""

    listing: Listing
    prediction: Prediction | None
    watches: tuple[Watch, ...] = ()


class JournalRow(Struct, frozen=True):
    """A listing looked back at: `status` is the last known one, `signalled` as asked for (see `recent`)."""

    listing: Listing
    prediction: Prediction | None
    seen_at: datetime
    signalled: bool
    status: OrderStatus


class JournalCounts(Struct, frozen=True):
    """How much is stored."""

    listings: int
    predictions: int
    alerts_pending: int
    alerts_delivered: int
    alerts_undeliverable: int


class Journal:
    """Listings, predictions and outcomes in the database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def record(self, entries: Sequence[Entry]) -> int:
        """Store the entries in one transaction and return how many alerts are new.

        A listing that is stored already is left as it is, with or without alerts. A watch removed since
        the entry was scored gets no alert. Nothing is stored if this raises.
        """
        by_hash: dict[str, Entry] = {}
        for entry in entries:
            by_hash.setdefault(entry.listing.hash, entry)
        if not by_hash:
            return 0
        now = self._clock.now()
        async with self._db.session() as session:
            statement = self._db.insert_or_ignore(ListingRow).returning(ListingRow.hash)
            rows = [_listing_row(entry.listing, now) for entry in by_hash.values()]
            new = set(await session.scalars(statement, rows))
            priced = [
                (by_hash[hash_], prediction)
                for hash_ in by_hash
                if hash_ in new and (prediction := _sound(by_hash[hash_])) is not None
            ]
            if not priced:
                return 0
            await session.execute(
                insert(PredictionRow.__table__),  # type: ignore[arg-type]
                [_prediction_row(entry.listing, prediction) for entry, prediction in priced],
            )
            return await self._alert(session, [entry for entry, _ in priced], now)

    async def _alert(self, session: AsyncSession, entries: Iterable[Entry], now: datetime) -> int:
        wanted = [(watch, entry.listing.hash) for entry in entries for watch in entry.watches]
        if not wanted:
            return 0
        ids = {watch.id for watch, _ in wanted}
        # The lock keeps the watches from being removed before the commit on PostgreSQL; SQLite has its own.
        there = select(WatchRow.id).where(WatchRow.id.in_(ids)).with_for_update(read=True, key_share=True)
        kept = set(await session.scalars(there))
        kept_wanted = [(watch, hash_) for watch, hash_ in wanted if watch.id in kept]
        if not kept_wanted:
            return 0
        rows = await _alert_rows(session, kept_wanted, now)
        statement = self._db.insert_or_ignore(AlertRow).returning(AlertRow.id)
        return len(list(await session.scalars(statement, rows)))

    async def known_hashes(self, limit: int = 20_000) -> list[str]:
        """Hashes of the listings last seen, newest first."""
        async with self._db.reading() as session:
            newest = select(ListingRow.hash).order_by(ListingRow.seen_at.desc()).limit(limit)
            return list(await session.scalars(newest))

    async def recent(
        self,
        *,
        guild_id: int | None = None,
        watch: str | None = None,
        limit: int = 20,
        min_net_usd: float | None = None,
        signals_only: bool = False,
    ) -> list[JournalRow]:
        """The listings last seen, newest first.

        `signalled` tells whether a listing was a signal for the server, or for its watch of that name
        if one is given, or for anyone if neither is. `signals_only` leaves out the others.
        """
        of_alert = [AlertRow.listing_hash == ListingRow.hash]
        if guild_id is not None:
            of_alert.append(AlertRow.guild_id == guild_id)
        if watch is not None:
            of_alert.append(AlertRow.watch_name.in_(await self._spellings(watch)))
        signalled = exists().where(and_(*of_alert))
        rows = (
            select(ListingRow.body, PredictionRow.body, ListingRow.status, signalled)
            .join(PredictionRow, isouter=True)
            .order_by(ListingRow.seen_at.desc(), ListingRow.hash)
            .limit(limit)
        )
        if min_net_usd is not None:
            rows = rows.where(PredictionRow.net_usd >= min_net_usd)
        if signals_only:
            rows = rows.where(signalled)
        async with self._db.reading() as session:
            return [_journal_row(*row) for row in await session.execute(rows)]

    async def _spellings(self, watch: str) -> list[str]:
        """How a watch's name is written in alerts; a database's own `lower` knows ASCII alone."""
        async with self._db.reading() as session:
            names = await session.scalars(select(AlertRow.watch_name).distinct())
            return [name for name in names if name.casefold() == watch.casefold()]

    async def counts(self) -> JournalCounts:
        """How much is stored, now."""
        async with self._db.reading() as session:
            listings = await session.scalar(select(func.count()).select_from(ListingRow))
            predictions = await session.scalar(select(func.count()).select_from(PredictionRow))
            by_state = select(AlertRow.state, func.count()).group_by(AlertRow.state)
            alerts = dict((await session.execute(by_state)).all())
        return JournalCounts(
            listings or 0,
            predictions or 0,
            *(
                alerts.get(state, 0)
                for state in (AlertState.PENDING, AlertState.DELIVERED, AlertState.UNDELIVERABLE)
            ),
        )

    async def resolve(self, resolutions: Sequence[Resolution]) -> None:
        """Store what orders turned out to be, and when they were asked for.

        A final status becomes the listing's outcome, the first one for good, and what is still to be
        delivered of it expires. Hashes that are not stored are passed over.
        """
        async with self._db.session() as session:
            for resolution in resolutions:
                await self._resolve(session, resolution)

    async def _resolve(self, session: AsyncSession, resolution: Resolution) -> None:
        changed = await session.execute(
            update(ListingRow)
            .where(ListingRow.hash == resolution.hash, ListingRow.status == OrderStatus.OPEN)
            .values(status=resolution.status, checked_at=resolution.at)
            .returning(ListingRow.hash)
        )
        if changed.first() is None or not resolution.status.final:
            return
        outcome = {"listing_hash": resolution.hash, "status": resolution.status, "at": resolution.at}
        await session.execute(self._db.insert_or_ignore(OutcomeRow), [outcome])
        await session.execute(
            update(AlertRow)
            .where(AlertRow.listing_hash == resolution.hash, AlertRow.state == AlertState.PENDING)
            .values(
                state=AlertState.EXPIRED,
                reason=f"the order is no longer open: {resolution.status}",
                settled_at=self._clock.now(),
            )
        )

    async def unresolved(self, limit: int) -> list[str]:
        """Hashes of open listings, those asked for longest ago first, and note that they are asked for now.

        Noting it here lets an order that the marketplace no longer knows go to the end of the queue.
        """
        oldest = select(ListingRow.hash).where(ListingRow.status == OrderStatus.OPEN)
        async with self._db.session() as session:
            hashes = list(await session.scalars(oldest.order_by(ListingRow.checked_at).limit(limit)))
            asked = update(ListingRow).where(ListingRow.hash.in_(hashes))
            await session.execute(asked.values(checked_at=self._clock.now()))
        return hashes


def nonce(watch_id: int, listing_hash: str) -> str:
    """The same 24 characters for the same alert always: Discord drops a repeated message by them."""
    return hashlib.blake2b(f"{watch_id}:{listing_hash}".encode(), digest_size=12).hexdigest()


def _sound(entry: Entry) -> Prediction | None:
    """The entry's prediction unless a figure is no number, which could be neither stored nor compared."""
    prediction = entry.prediction
    if prediction is None:
        return None
    forecast = prediction.forecast
    figures = (prediction.ask_usd, prediction.net_usd, prediction.return_, prediction.probability)
    if all(map(math.isfinite, (*figures, forecast.resale_usd, forecast.low_usd, forecast.high_usd))):
        return prediction
    log.error("prediction set aside: not a number", listing=entry.listing.hash, axie=entry.listing.axie.id)
    return None


def _listing_row(listing: Listing, now: datetime) -> dict[str, Any]:
    return {
        "hash": listing.hash,
        "axie_id": listing.axie.id,
        "token": listing.token,
        "base": listing.base,
        "ended": listing.ended,
        "status": listing.status,
        "seen_at": listing.seen_at,
        "recorded_at": now,
        "checked_at": listing.seen_at,
        "body": msgspec.json.encode(listing).decode(),
    }


def _prediction_row(listing: Listing, prediction: Prediction) -> dict[str, Any]:
    forecast = prediction.forecast
    return {
        "listing_hash": prediction.listing_hash,
        "at": forecast.at,
        "class": listing.axie.class_,
        "collection": collection(listing.axie),
        "model_version": forecast.model_version,
        "ask_usd": prediction.ask_usd,
        "resale_usd": forecast.resale_usd,
        "low_usd": forecast.low_usd,
        "high_usd": forecast.high_usd,
        "net_usd": prediction.net_usd,
        "return": prediction.return_,
        "probability": prediction.probability,
        "body": msgspec.json.encode(prediction).decode(),
    }


async def _alert_rows(
    session: AsyncSession, wanted: Sequence[tuple[Watch, str]], now: datetime
) -> list[dict[str, Any]]:
    queued_at = datetime.now(UTC)
    capped = {watch.id for watch, _ in wanted if watch.delivery.cap is not None}
    sent = await _sent_this_hour(session, capped, queued_at) if capped else Counter()
    rows = []
    for watch, listing_hash in wanted:
        until = held_until(watch.delivery, watch.zone, queued_at, sent[watch.id])
        sent[watch.id] += until is None
        rows.append(_alert_row(watch, listing_hash, now, queued_at, until))
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


def _alert_row(
    watch: Watch, listing_hash: str, now: datetime, queued_at: datetime, until: datetime | None
) -> dict[str, Any]:
    return {
        "watch_id": watch.id,
        "listing_hash": listing_hash,
        "guild_id": watch.guild_id,
        "channel_id": watch.channel_id,
        "watch_name": watch.name,
        "nonce": nonce(watch.id, listing_hash),
        "state": AlertState.PENDING,
        "attempts": 0,
        "created_at": now,
        "queued_at": queued_at,
        "next_attempt_at": until or queued_at,
        "held_until": until,
    }


def _journal_row(listing: str, prediction: str | None, status: str, signalled: bool) -> JournalRow:
    decoded = msgspec.json.decode(listing, type=Listing)
    return JournalRow(
        decoded,
        None if prediction is None else msgspec.json.decode(prediction, type=Prediction),
        decoded.seen_at,
        bool(signalled),
        OrderStatus(status),
    )
