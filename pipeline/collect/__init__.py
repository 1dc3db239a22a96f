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
from pipeline.collect.seen import Seen
from pipeline.collect.source import CollectBudget, Requests, Source
from pipeline.collect.standing import Standing
from pipeline.collect.summary import CollectSummary, Rejects
from pipeline.datasets import write_records
from pipeline.objects import ObjectStore
from pipeline.side import SideSource, gather

__all__ = ["CollectBudget", "CollectSummary", "Source", "collect"]

# By which share of the run's requests and minutes the long parts must make room for the next.
FEED_UNTIL, STANDING_UNTIL = 0.6, 0.85


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
    """Gather rates, newest listings, lacking sales, the standing book, and outcomes of earlier listings.

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
    seen = Seen(store, summary)
    book = Book(client, store, requests, summary, rejects, seen)
    feed = SaleFeed(client, store, requests, summary, rejects)
    standing = Standing(client, store, requests, summary, rejects, seen)

    rates = await requests.ask("rates", client.rates)
    if rates is not None:
        await asyncio.to_thread(write_records, store, "rates", summary.run, [rates])
        summary.rows["rates"] += 1
    await asyncio.to_thread(seen.remember, clock.now())
    await book.collect_listings(budget, progress)
    requests.until(FEED_UNTIL)
    await feed.collect(clock, budget, progress)
    more = requests.paused
    requests.until(STANDING_UNTIL)
    await standing.collect(budget, progress)
    requests.until(1.0)
    # After the sweep, which has met most of those that are still open.
    await book.collect_outcomes(clock, budget, progress)
    if more:
        await feed.collect(clock, budget, progress)

    summary.gaps += feed.gaps()
    summary.rejected = rejects.counts
    summary.failures = requests.failures
    summary.requests = requests.made
    summary.stopped = requests.stopped
    if requests.fatal is not None:
        raise requests.fatal
