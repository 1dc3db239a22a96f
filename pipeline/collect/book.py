"""Reads the newest listings, and what became of those that earlier runs have seen.

A listing with its outcome is the soundest label there is: the token is known, the traits are those of
its day, and the unsold ones are told apart, none of which the sale feed can say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct

from pipeline.clock import Clock
from pipeline.collect.source import CollectBudget, Requests, Source, in_parallel
from pipeline.collect.summary import CollectSummary, Rejects
from pipeline.datasets import read_records, write_records
from pipeline.market.budget import Priority
from pipeline.market.values import Listing, OrderStatus, Resolution
from pipeline.objects import ObjectStore

PAGE = 100
BATCH = 50
MEMORY = timedelta(days=30)  # older listings are neither remembered nor asked about

Progress = Callable[[str, int, int | None], None]


class _SeenListing(Struct):
    hash: str
    seen_at: datetime


class _Outcome(Struct):
    hash: str
    status: OrderStatus
    at: datetime


class Book:
    """One run over the listings. `seen` are those of earlier runs, by hash."""

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
        self.seen: dict[str, datetime] = {}

    async def remember(self, clock: Clock) -> None:
        """Learn which listings earlier runs have stored."""
        self.seen = await asyncio.to_thread(self._stored, clock.now() - MEMORY)

    def _stored(self, since: datetime) -> dict[str, datetime]:
        listings = read_records(self._store, "listings", _SeenListing, since, self._summary.damaged)
        return {listing.hash: listing.seen_at for listing in listings}

    async def collect_listings(self, budget: CollectBudget, progress: Progress) -> None:
        """Read the newest listings, page after page, until one holds nothing new."""
        fresh: dict[str, Listing] = {}
        first, side_by_side = 0, 1  # a page alone first: most runs need no more than a few
        while first < budget.listing_pages:
            numbers = range(first, min(first + side_by_side, budget.listing_pages))
            pages = await asyncio.gather(*(self._listings(number * PAGE) for number in numbers))
            for rows in pages:
                for row in rows:
                    if row.hash in self.seen or row.hash in fresh:
                        self._summary.duplicates["listings"] += 1
                    else:
                        fresh[row.hash] = row
            progress("listings", len(fresh), None)
            if any(all(row.hash in self.seen for row in rows) for rows in pages):
                break
            first, side_by_side = first + side_by_side, budget.workers
        new = list(fresh.values())
        await asyncio.to_thread(write_records, self._store, "listings", self._summary.run, new)
        self._summary.rows["listings"] += len(new)
        progress("listings", len(new), len(new))

    async def _listings(self, offset: int) -> Sequence[Listing]:
        # The client takes this question for the watcher's, which goes first, unless told otherwise.
        call = partial(self._source.newest_listings, offset, PAGE, priority=Priority.BACKGROUND)
        page = await self._requests.ask("listings", call)
        if page is None:
            return ()
        self._rejects.add(page.rejected)
        return page.rows

    async def collect_outcomes(self, clock: Clock, budget: CollectBudget, progress: Progress) -> None:
        """Ask what became of the listings of earlier runs, those asked about longest ago first."""
        last = await asyncio.to_thread(self._last_checks, clock.now() - MEMORY)
        hashes = sorted(last, key=last.__getitem__)[: budget.resolutions]
        found: list[Resolution] = []

        async def resolve(batch: list[str]) -> None:
            answer = await self._requests.ask("resolutions", lambda: self._source.orders(batch))
            found.extend((answer or {}).values())
            progress("resolutions", len(found), len(hashes))

        batches = [hashes[first : first + BATCH] for first in range(0, len(hashes), BATCH)]
        await in_parallel(budget.workers, [partial(resolve, batch) for batch in batches])
        await asyncio.to_thread(write_records, self._store, "resolutions", self._summary.run, found)
        self._summary.rows["resolutions"] += len(found)

    def _last_checks(self, since: datetime) -> dict[str, datetime]:
        """When each listing without a final outcome was last looked at, by hash."""
        last = dict(self.seen)
        for outcome in read_records(self._store, "resolutions", _Outcome, since, self._summary.damaged):
            if outcome.status.final:
                last.pop(outcome.hash, None)
            elif outcome.hash in last:
                last[outcome.hash] = max(last[outcome.hash], outcome.at)
        return last
