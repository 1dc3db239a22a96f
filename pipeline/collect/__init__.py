"""Collection: what the market says, gathered into the object store within a budget of requests and time.

It may be repeated, cut short or killed at any moment: records are stored whole before they are counted
as read, and the next run fills what is missing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

from pipeline.clock import Clock
from pipeline.collect.book import Book
from pipeline.collect.feed import SaleFeed
from pipeline.collect.source import CollectBudget, Requests, Source
from pipeline.collect.summary import CollectSummary, Rejects
from pipeline.datasets import write_records
from pipeline.objects import ObjectStore
from pipeline.side import SideSource, gather

__all__ = ["CollectBudget", "CollectSummary", "Source", "collect"]


def _quiet(_kind: str, _done: int, _of: int | None) -> None:
    return None


async def collect(
    client: Source,
    store: ObjectStore,
    clock: Clock,
    *,
    run: str | None = None,
    budget: CollectBudget | None = None,
    progress: Callable[[str, int, int | None], None] = _quiet,
    side: Sequence[SideSource] = (),
) -> CollectSummary:
    """Gather rates, newest listings, outcomes of earlier listings, and the sales that the store lacks.

    `run` names the records' files and must be new (by default the time with a random end); `progress` is
    told a kind, how many rows there are, and of how many or None; the tables of `side` are read meanwhile.
    An outage ends the run early, with what was got stored. Raises StoreError, and the MarketError that needs
    a person after storing likewise.
    """
    started = time.monotonic()
    summary = CollectSummary(run or f"{clock.now():%Y%m%dT%H%M%S}-{uuid4().hex[:6]}")
    tables = asyncio.create_task(gather(side, store, summary.run, clock.now()))
    try:
        await _collect(client, store, clock, summary, budget or CollectBudget(), progress)
        summary.side = await tables
    finally:
        tables.cancel()
        summary.seconds = time.monotonic() - started
    return summary


async def _collect(
    client: Source,
    store: ObjectStore,
    clock: Clock,
    summary: CollectSummary,
    budget: CollectBudget,
    progress: Callable[[str, int, int | None], None],
) -> None:
    requests, rejects = Requests(budget), Rejects()
    book = Book(client, store, requests, summary, rejects)
    feed = SaleFeed(client, store, requests, summary, rejects)

    rates = await requests.ask("rates", client.rates)
    if rates is not None:
        await asyncio.to_thread(write_records, store, "rates", summary.run, [rates])
        summary.rows["rates"] += 1
    await book.remember(clock)
    await book.collect_listings(budget, progress)
    await book.collect_outcomes(clock, budget, progress)
    await feed.collect(clock, budget, progress)

    summary.rejected = rejects.counts
    summary.failures = requests.failures
    summary.requests = requests.made
    summary.stopped = requests.stopped
    if requests.fatal is not None:
        raise requests.fatal
