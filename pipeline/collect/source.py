"""What collection asks of the marketplace's client, and how much of it: the request budget.

Every request of a run goes through one `Requests`, which counts, limits and tells a passing outage from
an error that needs a person.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from pipeline.market.budget import Priority
from pipeline.market.errors import MarketError, MarketUnavailable, QueryRejected
from pipeline.market.values import AxieClass, Listing, Rates, Resolution, Sale

T = TypeVar("T")
R = TypeVar("R", covariant=True)

PATIENCE = 5  # requests that fail one after another before a run gives up; the client has retried each


class CollectBudget(Struct, frozen=True):
    """The most that one collection may take. `minutes` are real ones, `history` is market time."""

    requests: int = 2_000
    minutes: float = 10.0
    workers: int = 8
    history: timedelta = timedelta(days=7)
    listing_pages: int = 20
    resolutions: int = 5_000


class Rejection(Protocol):
    """A row that the client set aside."""

    @property
    def reason(self) -> str:
        """Why."""
        ...


class Page(Protocol[R]):
    """A page as the client decodes it; `seen` counts the rows that came, good or not."""

    @property
    def rows(self) -> Sequence[R]:
        """The good rows."""
        ...

    @property
    def rejected(self) -> Sequence[Rejection]:
        """The rows set aside."""
        ...

    @property
    def seen(self) -> int:
        """How many rows came."""
        ...

    @property
    def total(self) -> int | None:
        """How many rows the whole answer has, if the market told."""
        ...


class Source(Protocol):
    """The part of `pipeline.market.client.MarketClient` that collection uses. Raises MarketError."""

    async def rates(self) -> Rates:
        """The exchange rates of now."""
        ...

    async def newest_listings(
        self, offset: int = 0, size: int = 100, *, priority: Priority = ...
    ) -> Page[Listing]:
        """Open listings, roughly newest first."""
        ...

    async def standing_listings(
        self,
        classes: Sequence[AxieClass] = (),
        breed_counts: Sequence[int] = (),
        offset: int = 0,
        size: int = 100,
    ) -> Page[Listing]:
        """Open listings of some classes and breed counts, by id."""
        ...

    async def sales(self, before: datetime | None = None, size: int = 50) -> Page[Sale]:
        """Sales at or before a moment, newest first."""
        ...

    async def orders(self, hashes: Sequence[str]) -> dict[str, Resolution]:
        """What became of orders; those that the market does not know are absent."""
        ...


class Requests:
    """Counts and limits the requests of one run. `stopped` says why no more will be made."""

    def __init__(self, budget: CollectBudget) -> None:
        self.made = 0
        self.stopped: str | None = None
        self.failures: Counter[str] = Counter()
        self.fatal: MarketError | None = None
        self._budget = budget
        self._began = time.monotonic()
        self._share = 1.0
        self.paused = False
        self._failed_in_a_row = 0
        self._refused: set[str] = set()

    def until(self, share: float) -> None:
        """From here on, spend no more than such a share of the run's requests and minutes in all.

        `paused` tells whether that was reached: the rest is kept for other questions, until told anew.
        """
        self._share, self.paused = share, False

    def _spent(self) -> str | None:
        if self.made >= self._budget.requests * self._share:
            return "request budget spent"
        if time.monotonic() >= self._began + self._budget.minutes * 60 * self._share:
            return "time spent"
        return None

    async def ask(self, kind: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """The answer of one request, or None where it failed or the budget is spent.

        `kind` is what is asked for: once the market refuses the query of a kind, it is not asked again.
        """
        if kind in self._refused:
            return None
        if self.stopped is None and (spent := self._spent()) is not None:
            if self._share < 1:
                self.paused = True
                return None
            self.stopped = spent
        if self.stopped is not None:
            return None
        self.made += 1
        try:
            answer = await call()
        except MarketUnavailable as error:
            self.failures[_short(error)] += 1
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= PATIENCE:
                self.stopped = "the marketplace does not answer"
            return None
        except QueryRejected as error:  # the schema has changed under one query: the others may go on
            self.failures[_short(error)] += 1
            self._refused.add(kind)
            return None
        except MarketError as error:
            self.fatal, self.stopped = error, str(error)
            return None
        self._failed_in_a_row = 0
        return answer


def _short(error: MarketError) -> str:
    return f"{type(error).__name__}: {error}"[:160]


async def in_parallel(workers: int, jobs: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Run jobs in their order, so many at a time. The first exception ends them all and is raised."""
    queue = iter(jobs)

    async def work() -> None:
        for job in queue:
            await job()

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
