"""Auctions whose price falls: each is weighed again when it is due, and told to whom it newly pays.

When that is stands beside the listing, so a restart misses none, and comes late to it at worst. Before
anything is announced the marketplace is asked whether the order still stands.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.tables import AlertRow, AlertState, ListingRow, PredictionRow
from bot.services.dispatch import Signal, dispatch
from bot.services.journal import Entry, Journal, prediction_row, sound, tell_queued
from bot.services.outbox import Outbox
from bot.services.posts import Posts, touch
from bot.services.stats import IntakeStats
from bot.services.weighing import Weighing
from pipeline.clock import Clock, pace
from pipeline.market.client import MarketClient
from pipeline.market.values import Listing, OrderStatus

EVERY_S = 5.0  # market seconds
BATCH = 50  # listings at once, and orders in one request
log = structlog.get_logger(__name__)


class Auctions:
    """One turn looks at the falling prices that are due."""

    def __init__(
        self,
        db: Database,
        client: MarketClient,
        weighing: Weighing,
        journal: Journal,
        outbox: Outbox,
        posts: Posts,
        stats: IntakeStats,
        clock: Clock,
    ) -> None:
        self._db = db
        self._client = client
        self._weighing = weighing
        self._journal = journal
        self._outbox = outbox
        self._posts = posts
        self._stats = stats
        self._clock = clock

    async def turn(self) -> float:
        """Weigh one batch. Returns the seconds to wait before the next turn."""
        if self._weighing.waits_for_rates:
            return pace(self._clock, EVERY_S)
        due = await self.due()
        if due:
            began = time.perf_counter()
            entries = await self._standing(await self._untold(await self._weighing.again(due)))
            self._stats.arrived_anew(began, [entry.listing.hash for entry in entries if entry.watches])
            with self._stats.timings.timing("journal"):
                alerts = await self._record(entries)
            if alerts:
                self._outbox.wake()
                self._posts.wake()
        # A full batch means that more are waiting.
        return 0.0 if len(due) == BATCH else pace(self._clock, EVERY_S)

    async def due(self) -> list[Listing]:
        """Open listings that are to be weighed again by now, the most overdue first."""
        rows = (
            select(ListingRow.hash, ListingRow.body)
            .where(ListingRow.weigh_at <= self._clock.now())  # there is none for what has ended
            .order_by(ListingRow.weigh_at)
            .limit(BATCH)
        )
        async with self._db.reading() as session:
            bodies = dict((await session.execute(rows)).all())
        found: list[Listing] = []
        for hash_, body in bodies.items():
            try:
                found.append(msgspec.json.decode(body, type=Listing))
            except msgspec.DecodeError as error:
                log.error("stored auction cannot be read", listing=hash_, reason=str(error))
                async with self._db.session() as session:
                    await _put_off(session, hash_, weigh_at=None)
        return found

    async def _untold(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries without the watches that were told of them, or of a former order that paid."""
        hashes = [entry.listing.hash for entry in entries if entry.watches]
        if not hashes:
            return list(entries)
        paid = (AlertRow.state == AlertState.DELIVERED) & AlertRow.clears
        rows = select(AlertRow.watch_id, AlertRow.listing_hash, AlertRow.current_hash).where(
            or_(AlertRow.listing_hash.in_(hashes), AlertRow.current_hash.in_(hashes) & paid)
        )
        async with self._db.reading() as session:
            told = {(watch_id, hash_) for watch_id, *known in await session.execute(rows) for hash_ in known}
        return [
            _for(entry, *(watch for watch in entry.watches if (watch.id, entry.listing.hash) not in told))
            for entry in entries
        ]

    async def _standing(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries as the marketplace knows their orders; what has ended is noted and left out.

        One that it does not know is told to nobody. Nothing is asked where there is nothing to tell.
        """
        asked = [entry.listing.hash for entry in entries if entry.watches]
        if not asked:
            return list(entries)
        found = await self._client.orders(asked)
        await self._journal.resolve([each for each in found.values() if each.status.final])
        kept = []
        for entry in entries:
            known = found.get(entry.listing.hash)
            if known is None or not known.status.final:
                kept.append(_for(entry) if known is None else entry)
        return kept

    async def _record(self, entries: Sequence[Entry]) -> int:
        """Note what was found in one transaction; how many alerts are new."""
        now = self._clock.now()
        signals: list[Signal] = []
        async with self._db.session() as session:
            for entry in entries:
                hash_, prediction = entry.listing.hash, sound(entry)
                values: dict[str, Any] = {"weigh_at": entry.weigh_at}
                if prediction is not None and entry.watches:
                    values |= {"alerted": True, "next_check_at": now}
                if not await _put_off(session, hash_, **values) or prediction is None:
                    continue
                row = prediction_row(entry.listing, prediction)
                told = self._db.upsert(PredictionRow, "listing_hash", *(set(row) - {"listing_hash"}))
                await session.execute(told, [row])
                await self._reach_anew(session, entry)
                signals.append(Signal(entry.listing, prediction, entry.watches))
            queued = await dispatch(session, signals, now)
        return tell_queued(queued)

    async def _reach_anew(self, session: AsyncSession, entry: Entry) -> None:
        """Alerts of a former order, which this one had not reached, tell that it does now."""
        hash_, watches = entry.listing.hash, [watch.id for watch in entry.watches]
        if watches:
            former = (AlertRow.current_hash == hash_, AlertRow.watch_id.in_(watches), ~AlertRow.clears)
            await session.execute(update(AlertRow).where(*former).values(clears=True))
            await touch(session, [hash_])


async def _put_off(session: AsyncSession, hash_: str, **values: Any) -> bool:
    """Note of an open listing when it is weighed next; False where it is open no longer."""
    open_ = update(ListingRow).where(ListingRow.hash == hash_, ListingRow.status == OrderStatus.OPEN)
    changed = await session.execute(open_.values(**values).returning(ListingRow.hash))
    return changed.first() is not None


def _for(entry: Entry, *watches: Any) -> Entry:
    return msgspec.structs.replace(entry, watches=watches)
