"""Reads the sale feed backwards, many stretches at a time, without leaving a hole.

The cursor is inclusive and in whole seconds: a page begins with the rows of the second that the last one
ended with. A stretch counts as read only when a page has reached beyond its beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec import Struct

from pipeline.clock import Clock
from pipeline.collect import coverage
from pipeline.collect.coverage import Span
from pipeline.collect.source import CollectBudget, Requests, Source, in_parallel
from pipeline.collect.summary import CollectSummary, Rejects
from pipeline.datasets import Damaged, read_records, set_aside, write_records
from pipeline.market.values import Sale
from pipeline.objects import ObjectStore

PAGE = 50
STRETCH_S = 2 * 3_600  # the longest: some eight pages of a usual day
SHORTEST_S = 600
SETTLING = timedelta(minutes=10)  # rows newer than this may still appear or change
PORTION = 2_000  # sales kept in memory before they are stored
REJECTED_STEP_S = 60  # how far to step back where a page held not one good row

Progress = Callable[[str, int, int | None], None]


class _Known(Struct):
    id: str
    sold_at: datetime


class SaleFeed:
    """One run over the sale feed."""

    def __init__(
        self,
        source: Source,
        store: ObjectStore,
        requests: Requests,
        summary: CollectSummary,
        rejects: Rejects,
    ) -> None:
        self._source, self._store, self._requests = source, store, requests
        self._summary, self._rejects = summary, rejects
        self._ids: set[str] = set()
        self._covered: list[Span] = []
        self._window: Span | None = None  # what was wanted; None until the feed has answered
        self._settled = 0
        self._floor = 0  # the feed has nothing before this second
        self._pending: list[Sale] = []
        self._read: list[Span] = []  # their sales are in `_pending`
        self._portions = 0
        self._storing = asyncio.Lock()

    async def collect(self, clock: Clock, budget: CollectBudget, progress: Progress) -> None:
        """Read what the store lacks of the last `budget.history`, the newest first."""
        now = clock.now()
        newest = await self._page(None)
        if newest is None:
            return
        if not newest[1]:
            self._window = (0, 0)
            return
        end = max((_second(sale.sold_at) for sale in newest[0]), default=_second(now)) + 1
        self._settled = min(end, _second(now - SETTLING))
        self._window = window = (_second(now - budget.history), end)
        holes = await asyncio.to_thread(self._holes, window)
        wanted = sum(high - low for low, high in holes)
        length = min(STRETCH_S, max(SHORTEST_S, wanted // (4 * budget.workers)))
        done = 0

        async def read(span: Span) -> None:
            nonlocal done
            await self._stretch(span)
            done += span[1] - span[0]
            stored = self._summary.rows["sales"] + len(self._pending)
            progress("sales", stored, round(stored * wanted / done))

        pieces = coverage.slices(holes, length)
        await in_parallel(budget.workers, [partial(read, span) for span in pieces])
        await self._store_portion()
        progress("sales", self._summary.rows["sales"], self._summary.rows["sales"])

    def gaps(self) -> int:
        """How many stretches of what was wanted the store still lacks."""
        if self._window is None:
            return 1
        looked_at = (max(self._window[0], self._floor), self._settled)
        return len(coverage.missing(looked_at, self._covered))

    def _holes(self, window: Span) -> list[Span]:
        since = datetime.fromtimestamp(window[0], UTC)
        damaged: list[Damaged] = []
        self._ids = {sale.id for sale in read_records(self._store, "sales", _Known, since, damaged)}
        self._covered = coverage.load(self._store)
        if damaged:  # the days that it held are read anew
            self._covered = coverage.without_days(self._covered, (item.day for item in damaged))
            coverage.save(self._store, self._covered)
            for item in damaged:
                set_aside(self._store, item)
            self._ids = {sale.id for sale in read_records(self._store, "sales", _Known, since)}
            self._summary.damaged += damaged
        return coverage.missing(window, self._covered)

    async def _stretch(self, span: Span) -> None:
        start, end = span
        found: list[Sale] = []
        cursor = end - 1
        while cursor >= start and end > self._floor:
            page = await self._page(cursor)
            if page is None:
                break
            sales, seen = page
            found += [sale for sale in sales if start <= _second(sale.sold_at) < end]
            if not seen:
                self._floor, start = max(self._floor, cursor + 1), cursor + 1
            elif not sales:
                self._summary.gaps += 1
                cursor -= REJECTED_STEP_S
            elif (oldest := min(_second(sale.sold_at) for sale in sales)) < cursor:
                cursor = oldest
            elif oldest == cursor:
                self._summary.gaps += seen >= PAGE  # the page may be too short for that second
                cursor -= 1
            else:
                self._requests.failures["the sale feed ignored its cursor"] += 1
                break
        for sale in found:
            if sale.id in self._ids:
                self._summary.duplicates["sales"] += 1
            else:
                self._ids.add(sale.id)
                self._pending.append(sale)
        # What lies above the cursor is complete even where the walk was broken off.
        self._read.append((max(start, cursor + 1), end))
        if len(self._pending) >= PORTION:
            await self._store_portion()

    async def _page(self, cursor: int | None) -> tuple[list[Sale], int] | None:
        before = None if cursor is None else datetime.fromtimestamp(cursor, UTC)
        page = await self._requests.ask("sales", lambda: self._source.sales(before=before, size=PAGE))
        if page is None:
            return None
        self._rejects.add(page.rejected)
        return list(page.rows), page.seen

    async def _store_portion(self) -> None:
        async with self._storing:
            sales, self._pending = self._pending, []
            spans, self._read = self._read, []
            self._covered = coverage.union(
                [*self._covered, *((low, min(high, self._settled)) for low, high in spans)]
            )
            run = f"{self._summary.run}-{self._portions:03}"
            self._portions += 1
            await asyncio.to_thread(self._write, run, sales, self._covered)
            self._summary.rows["sales"] += len(sales)

    def _write(self, run: str, sales: list[Sale], covered: list[Span]) -> None:
        sales.sort(key=lambda sale: (sale.sold_at, sale.id))
        write_records(self._store, "sales", run, sales)
        coverage.save(self._store, covered)  # after the records: a span is never claimed without them


def _second(at: datetime) -> int:
    return int(at.timestamp() // 1)
