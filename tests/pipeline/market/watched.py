"""A watcher of a feed in memory, and what a turn of it brings."""

from datetime import timedelta

from pipeline.market.watcher import Watcher
from pipeline.market.watching import Batch, WatcherSettings
from tests.pipeline.market.feed import Feed, Order

NEVER = timedelta(0)
SETTINGS = WatcherSettings(size=10, overlap=4, margin=4, max_pages=6, look_back=NEVER)


def watcher(feed: Feed, *known: str, settings: WatcherSettings = SETTINGS) -> Watcher:
    return Watcher(feed, feed.clock, known=known, settings=settings)


async def turn(watcher: Watcher) -> Batch:
    batch = await watcher.poll()
    watcher.acknowledge(batch)
    return batch


def hashes(batch: Batch) -> list[str]:
    return [listing.hash for listing in batch.listings]


def of(orders: list[Order]) -> list[str]:
    return [order.listing.hash for order in orders]
