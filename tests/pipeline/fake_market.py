"""A marketplace in memory that answers like the client does, for tests of collection that count requests."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pipeline.market.budget import Priority
from pipeline.market.errors import MarketError
from pipeline.market.values import AxieClass, Listing, Rates, Resolution, Sale
from tests.pipeline.market_data import RATES

T = TypeVar("T")


@dataclass(frozen=True)
class FakeRejected:
    reason: str
    axie_id: int


@dataclass(frozen=True)
class FakePage(Generic[T]):
    rows: tuple[T, ...]
    seen: int
    rejected: tuple[FakeRejected, ...] = ()
    total: int | None = None


class FakeMarket:
    """Its sales must be in order of time. `fails` maps a request's number to the error that it raises."""

    def __init__(self, sales: Sequence[Sale] = (), listings: Sequence[Listing] = ()) -> None:
        self.feed = list(sales)
        self.listings = list(listings)
        self.standing: list[Listing] = []
        self.cap = 10_000
        self.tells_total = True
        self.outcomes: dict[str, Resolution] = {}
        self.fails: dict[int, MarketError] = {}
        self.refuses: dict[str, MarketError] = {}  # by kind of request
        self.broken: set[str] = set()  # sale ids whose rows cannot be decoded
        self.latency = 0.0
        self.calls: Counter[str] = Counter()
        self.busy = self.busiest = 0

    async def rates(self) -> Rates:
        await self._answer("rates")
        return RATES

    async def newest_listings(
        self, offset: int = 0, size: int = 100, *, priority: Priority = Priority.WATCH
    ) -> FakePage[Listing]:
        assert priority is Priority.BACKGROUND, "the watcher goes first"
        await self._answer("listings")
        rows = tuple(self.listings[offset : offset + size])
        return FakePage(rows, len(rows))

    async def standing_listings(
        self,
        classes: Sequence[AxieClass] = (),
        breed_counts: Sequence[int] = (),
        offset: int = 0,
        size: int = 100,
    ) -> FakePage[Listing]:
        await self._answer("standing")
        found = [
            row
            for row in self.standing
            if row.axie.class_ in classes and (not breed_counts or row.axie.breed_count in breed_counts)
        ]
        rows = tuple(found[offset : offset + size]) if offset < self.cap else ()
        return FakePage(rows, len(rows), total=(len(found) if rows else 0) if self.tells_total else None)

    async def sales(self, before: datetime | None = None, size: int = 50) -> FakePage[Sale]:
        await self._answer("sales")
        stop = len(self.feed)
        if before is not None:
            stop = bisect_right(self.feed, before, key=lambda sale: sale.sold_at)
        rows = self.feed[max(0, stop - size) : stop][::-1]
        good = tuple(sale for sale in rows if sale.id not in self.broken)
        bad = tuple(FakeRejected("bad price", sale.axie.id) for sale in rows if sale.id in self.broken)
        return FakePage(good, len(rows), bad)

    async def orders(self, hashes: Sequence[str]) -> dict[str, Resolution]:
        assert len(hashes) <= 50
        await self._answer("orders")
        return {name: self.outcomes[name] for name in hashes if name in self.outcomes}

    async def _answer(self, kind: str) -> None:
        self.calls[kind] += 1
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            await asyncio.sleep(self.latency)
            if error := self.refuses.get(kind) or self.fails.get(self.calls.total()):
                raise error
        finally:
            self.busy -= 1
