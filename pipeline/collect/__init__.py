"""Collection: what the market says, gathered into the object store within a budget of requests and time.

It may be repeated, cut short or killed at any moment: records are stored whole before they are counted
as read, and the next run fills what is missing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

from pipeline.clock import Clock
from pipeline.collect.book import Book
from pipeline.collect.feed import SaleFeed
from pipeline.collect.source import CollectBudget, Requests, Source
from pipeline.collect.summary import CollectSummary, Rejects
from pipeline.datasets import write_records
from pipeline.objects import ObjectStore

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
) -> CollectSummary:
    """Gather rates, newest listings, outcomes of earlier listings, and the sales that the store lacks.

    `run` names the records' files and must be new (by default the time with a random end); `progress` is
    told a kind, how many rows there are, and of how many or None. An outage ends the run early, with what
    was got stored. Raises StoreError, and the MarketError that needs a person after storing likewise.
    """
    budget = budget or CollectBudget()
    started = time.monotonic()
    summary = CollectSummary(run or f"{clock.now():%Y%m%dT%H%M%S}-{uuid4().hex[:6]}")
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
    summary.seconds = time.monotonic() - started
    if requests.fatal is not None:
        raise requests.fatal
    return summary
