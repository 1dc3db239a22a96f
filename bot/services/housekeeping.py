"""What is older than is kept is deleted: listings with all that hangs on them, sales, floors, what was said.

A turn takes the oldest slice of each table, found and deleted by index, so that no alert waits for it; where
much is overdue, the next slice follows soon.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import CursorResult, delete, exists, func, select
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

from bot.db import Database
from bot.db.lookback import AnnouncementRow, FloorRow, SaleRow
from bot.db.tables import AlertRow, AlertState, ListingRow, PostRow
from bot.waiting import machine_time
from pipeline.clock import Clock
from pipeline.market.groups import CRITERIA

EVERY_S = 3600.0
SOON_S = 0.5
_LISTINGS = 100  # in a slice, each with its prediction, its outcome and its alerts
_HOURS = 6  # of sales in a slice: some thousand at most
_SPAN = timedelta(days=7)  # of floors of one group, or of what was said
log = structlog.get_logger(__name__)


class Housekeeping:
    """Deletes what is older than `days`: of market time, or of the machine's for what was said."""

    def __init__(self, db: Database, clock: Clock, days: int) -> None:
        self._db = db
        self._clock = clock
        self._kept = timedelta(days=days)

    async def turn(self) -> float:
        """Delete a slice of each table. Returns the seconds to wait before the next turn."""
        before = self._clock.now() - self._kept
        deleted = await self._prune_listings(before)
        deleted += await self._prune(SaleRow, SaleRow.hour, int(before.timestamp() // 3600), _HOURS)
        for group in CRITERIA:
            deleted += await self._prune(FloorRow, FloorRow.at, before, _SPAN, FloorRow.group == group)
        for state in (AlertState.DELIVERED, AlertState.UNDELIVERABLE):
            said = (AnnouncementRow, AnnouncementRow.next_attempt_at, machine_time() - self._kept, _SPAN)
            deleted += await self._prune(*said, AnnouncementRow.state == state)
        if deleted:
            log.debug("deleted what is older than is kept", rows=deleted)
        return SOON_S if deleted else EVERY_S

    async def _prune_listings(self, before: datetime) -> int:
        """Delete the oldest listings, and the posts that have lost their last alert with them; how many.

        The database deletes their predictions, outcomes, alerts and claims with them.
        """
        oldest = select(ListingRow.hash).where(ListingRow.seen_at < before)
        async with self._db.reading() as session:
            hashes = list(await session.scalars(oldest.order_by(ListingRow.seen_at).limit(_LISTINGS)))
            told = select(AlertRow.post_id).where(AlertRow.listing_hash.in_(hashes)).distinct()
            posts = list(await session.scalars(told)) if hashes else []
        if not hashes:
            return 0
        async with self._db.session() as session:
            await session.execute(delete(ListingRow).where(ListingRow.hash.in_(hashes)))
            if posts:
                left = exists().where(AlertRow.post_id == PostRow.id)
                await session.execute(delete(PostRow).where(PostRow.id.in_(posts), ~left))
        return len(hashes)

    async def _prune(
        self,
        table: type[DeclarativeBase],
        column: InstrumentedAttribute[Any],
        before: datetime | int,
        slice_: timedelta | int,
        *where: Any,
    ) -> int:
        """Delete rows from the oldest on, as far as the slice and the limit reach; how many."""
        async with self._db.reading() as session:
            oldest = await session.scalar(select(func.min(column)).where(*where))
        if oldest is None or oldest >= before:
            return 0
        async with self._db.session() as session:
            rows = delete(table).where(column < min(before, oldest + slice_), *where)
            found = await session.execute(rows)
            assert isinstance(found, CursorResult)
            return int(found.rowcount)
