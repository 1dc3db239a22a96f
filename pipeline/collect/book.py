"""Reads the newest listings, and what became of those that earlier runs have seen.

A listing with its outcome is the soundest label there is: the token is known, the traits are those of
its day, and the unsold ones are told apart, none of which the sale feed can say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from pipeline.clock import Clock
from pipeline.collect.seen import Seen
from pipeline.collect.source import CollectBudget, Requests, Source, in_parallel
from pipeline.collect.summary import CollectSummary, Rejects
from pipeline.datasets import write_records
from pipeline.market.budget import Priority
from pipeline.market.values import Listing, Resolution
from pipeline.objects import ObjectStore

PAGE = 100
BATCH = 50

Progress = Callable[[str, int, int | None], None]


class Book:
    """One run over the listings."""

    def __init__(
        self,
        source: Source,
        store: ObjectStore,
        requests: Requests,
        summary: CollectSummary,
        rejects: Rejects,
        seen: Seen,
    ) -> None:
        self._source, self._store, self._requests = source, store, requests
        self._summary, self._rejects, self._seen = summary, rejects, seen

    async def collect_listings(self, budget: CollectBudget, progress: Progress) -> None:
        """Read the newest listings, page after page, until one holds nothing new."""
        new, first, side_by_side = 0, 0, 1  # a page alone first: most runs need no more than a few
        while first < budget.listing_pages:
            numbers = range(first, min(first + side_by_side, budget.listing_pages))
            pages = await asyncio.gather(*(self._listings(number * PAGE) for number in numbers))
            new += sum(self._seen.take(rows) for rows in pages)
            progress("listings", new, None)
            if any(all(self._seen.earlier(row.hash) for row in rows) for rows in pages):
                break
            first, side_by_side = first + side_by_side, budget.workers
        await asyncio.to_thread(self._seen.writer(self._summary.run))
        progress("listings", new, new)

    async def _listings(self, offset: int) -> Sequence[Listing]:
        # The client takes this question for the watcher's, which goes first, unless told otherwise.
        call = partial(self._source.newest_listings, offset, PAGE, priority=Priority.BACKGROUND)
        page = await self._requests.ask("listings", call)
        if page is None:
            return ()
        self._rejects.add(page.rejected)
        return page.rows

    async def collect_outcomes(self, clock: Clock, budget: CollectBudget, progress: Progress) -> None:
        """Ask what became of earlier listings not met in the book, those looked at longest ago first."""
        hashes = (await asyncio.to_thread(self._seen.unresolved, clock.now()))[: budget.resolutions]
        found: list[Resolution] = []

        async def resolve(batch: list[str]) -> None:
            answer = await self._requests.ask("resolutions", lambda: self._source.orders(batch))
            found.extend((answer or {}).values())
            progress("resolutions", len(found), len(hashes))

        batches = [hashes[first : first + BATCH] for first in range(0, len(hashes), BATCH)]
        await in_parallel(budget.workers, [partial(resolve, batch) for batch in batches])
        run = f"{self._summary.run}-outcomes"
        await asyncio.to_thread(write_records, self._store, "resolutions", run, found)
        self._summary.rows["resolutions"] += len(found)
