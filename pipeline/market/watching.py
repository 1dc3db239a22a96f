"""What a watcher of the marketplace asks, goes by and tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.market.budget import Priority
from pipeline.market.pages import AxieDetail, Page, Rejected
from pipeline.market.values import Listing


class Budget(Protocol):
    """What the watcher asks of the request budget."""

    def watch_interval(self) -> float:
        """Real seconds between two requests that the watcher's share sustains."""
        ...


class Client(Protocol):
    """What the watcher asks of the marketplace."""

    @property
    def budget(self) -> Budget:
        """The request budget."""
        ...

    async def newest_listings(
        self, offset: int = 0, size: int = ..., *, priority: Priority = ...
    ) -> Page[Listing]:
        """Adult axies for sale, about latest first."""
        ...

    async def axies(self, ids: Iterable[int], *, priority: Priority = ...) -> dict[int, AxieDetail]:
        """Axies by id with their sell orders."""
        ...


@dataclass(frozen=True, slots=True)
class WatcherSettings:
    """Intervals are in real seconds.

    `overlap` is how many known rows prove that a reading has caught up. Pages overlap each other by
    `margin` rows, as rows move while one pages; a row may be a quarter of that out of its place. Some
    are further: what was listed within `look_back` of market time is looked at again now and then, a page
    a poll, which costs requests only where one page holds less than that. 0 is never.
    """

    min_interval: float = 2.0
    max_interval: float = 15.0
    size: int = 100
    overlap: int = 20
    margin: int = 20
    max_pages: int = 40
    remember: int = 20_000
    look_back: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        if not 0 < self.margin < self.size or not 0 < self.overlap <= self.size:
            raise ValueError("margin and overlap must be above 0 and within a page")


@dataclass(frozen=True, slots=True)
class Gap:
    """Listings that may have been missed: older than `until`, newer than what was known (`since`).

    `estimate` is how many, judged by the rate of those that were read; None where that cannot be told.
    """

    since: datetime | None
    until: datetime | None
    estimate: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one poll found: new listings and newly rejected rows, oldest first.

    `received` (time.perf_counter) and `at` (market time) are the arrival of the first page, `delay` the
    real seconds to wait before the next poll.
    """

    listings: tuple[Listing, ...]
    gap: Gap | None
    pages: int
    rejected: tuple[Rejected, ...]
    received: float
    at: datetime
    delay: float
