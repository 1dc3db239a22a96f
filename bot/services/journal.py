"""What was seen, what was predicted of it, and what came of it. Write before you act: a listing, its
prediction and its alerts are one transaction, and only what is committed here is delivered.

A listing is known by its order's hash. Recording one again, after a crash or a replay, changes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from bot.db import Database
from bot.db.tables import AlertRow, AlertState, ListingRow, OutcomeRow, PredictionRow
from bot.services.dispatch import Signal, dispatch
from bot.services.ledger import book, match_sales
from bot.services.posts import touch
from bot.services.watches import Watch
from bot.tracing import KEY, trace_ids
from pipeline.clock import Clock
from pipeline.market.traits import collection
from pipeline.market.values import Listing, OrderStatus, Resolution
from pipeline.signal import Prediction

# How often an open listing is asked for: at the least distance, a share of its age, at the most distance.
ALERTED_CHECKS = (timedelta(seconds=30), 0.02, timedelta(hours=1))
OTHER_CHECKS = (timedelta(minutes=5), 0.2, timedelta(days=1))
RECOUNT_S = 3600.0  # what housekeeping deletes is seen by then
log = structlog.get_logger(__name__)


class Entry(Struct, frozen=True):
    """A listing as it was weighed: no prediction without a champion, and the watches it is a signal for.

    `weigh_at` is when its falling price is worth another look.
    """

    listing: Listing
    prediction: Prediction | None
    watches: tuple[Watch, ...] = ()
    weigh_at: datetime | None = None


class JournalCounts(Struct, frozen=True):
    """How much is stored."""

    listings: int
    predictions: int
    alerts_pending: int
    alerts_delivered: int
    alerts_undeliverable: int


class _Totals(Struct):
    """How many rows the large tables have, as of a reading of the machine's monotonic clock and since."""

    counted_at: float
    listings: int
    predictions: int


class Journal:
    """Listings, predictions and outcomes in the database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._totals: _Totals | None = None

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
            rows = [_listing_row(entry, now) for entry in by_hash.values()]
            new = set(await session.scalars(statement, rows))
            priced = [
                (by_hash[hash_], prediction)
                for hash_ in by_hash
                if hash_ in new and (prediction := sound(by_hash[hash_])) is not None
            ]
            if priced:
                await session.execute(
                    insert(PredictionRow.__table__),  # type: ignore[arg-type]
                    [prediction_row(entry.listing, prediction) for entry, prediction in priced],
                )
            told = {entry.listing.hash: prediction for entry, prediction in priced}
            signals = [
                Signal(entry.listing, told.get(hash_), entry.watches if hash_ in told else ())
                for hash_, entry in by_hash.items()
                if hash_ in new
            ]
            queued = await dispatch(session, signals, now)
        if self._totals is not None:
            self._totals.listings += len(new)
            self._totals.predictions += len(priced)
        return tell_queued(queued)

    async def known_hashes(self, limit: int = 20_000) -> list[str]:
        """Hashes of the listings last seen, newest first."""
        async with self._db.reading() as session:
            newest = select(ListingRow.hash).order_by(ListingRow.seen_at.desc()).limit(limit)
            return list(await session.scalars(newest))

    async def counts(self) -> JournalCounts:
        """How much is stored.

        Listings and predictions are counted once in `RECOUNT_S`, as that reads millions of rows, and
        between by what is recorded here.
        """
        async with self._db.reading() as session:
            if self._totals is None or time.monotonic() > self._totals.counted_at + RECOUNT_S:
                listings = await session.scalar(select(func.count()).select_from(ListingRow))
                predictions = await session.scalar(select(func.count()).select_from(PredictionRow))
                self._totals = _Totals(time.monotonic(), listings or 0, predictions or 0)
            by_state = select(AlertRow.state, func.count()).group_by(AlertRow.state)
            alerts = dict((await session.execute(by_state)).all())
        return JournalCounts(
            self._totals.listings,
            self._totals.predictions,
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
            .values(status=resolution.status, **({"weigh_at": None} if resolution.status.final else {}))
            .returning(ListingRow.axie_id)
        )
        listing = changed.first()
        if listing is None or not resolution.status.final:
            return
        outcome = {
            "listing_hash": resolution.hash,
            "status": resolution.status,
            "at": resolution.at,
            "axie_id": listing.axie_id,
        }
        if resolution.status is OrderStatus.MATCHED:
            outcome |= await book(session, resolution.hash, resolution.at)
        await session.execute(self._db.insert_or_ignore(OutcomeRow), [outcome])
        if "sold_usd" in outcome:
            await match_sales(session, [listing.axie_id])
        await touch(session, [resolution.hash])
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
        """Hashes of open listings that are to be asked for now, those that somebody was told of first.

        When each is to be asked for next is noted here, so that an order that the marketplace no longer
        knows does not stand in the way of others.
        """
        now = self._clock.now()
        due: list[ListingRow] = []
        async with self._db.session() as session:
            for alerted in (True, False):
                oldest = (
                    select(ListingRow)
                    .options(load_only(ListingRow.hash, ListingRow.alerted, ListingRow.seen_at))
                    .where(
                        ListingRow.status == OrderStatus.OPEN,
                        ListingRow.alerted == alerted,
                        ListingRow.next_check_at <= now,
                    )
                    .order_by(ListingRow.next_check_at)
                    .limit(limit - len(due))
                )
                due += await session.scalars(oldest)
            for row in due:
                row.next_check_at = now + check_after(row.alerted, now - row.seen_at)
        return [row.hash for row in due]


def tell_queued(hashes: Sequence[str]) -> int:
    """Log the new alerts of a committed transaction by their orders, and return how many they are."""
    if hashes:
        log.info("alerts queued", alerts=len(hashes), **{KEY: trace_ids(hashes)})
    return len(hashes)


def check_after(alerted: bool, age: timedelta) -> timedelta:
    """How long to wait before asking again for an open listing of that age: the older, the longer."""
    least, share, most = ALERTED_CHECKS if alerted else OTHER_CHECKS
    return min(max(age * share, least), most)


def sound(entry: Entry) -> Prediction | None:
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


def _listing_row(entry: Entry, now: datetime) -> dict[str, Any]:
    listing, alerted = entry.listing, bool(entry.watches)
    return {
        "hash": listing.hash,
        "axie_id": listing.axie.id,
        "token": listing.token,
        "base": listing.base,
        "ended": listing.ended,
        "status": listing.status,
        "seen_at": listing.seen_at,
        "recorded_at": now,
        "alerted": alerted,
        "next_check_at": listing.seen_at + (ALERTED_CHECKS if alerted else OTHER_CHECKS)[0],
        "weigh_at": entry.weigh_at,
        "body": msgspec.json.encode(listing).decode(),
    }


def prediction_row(listing: Listing, prediction: Prediction) -> dict[str, Any]:
    """What is stored of a prediction, by column."""
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
