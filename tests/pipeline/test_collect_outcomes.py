"""Collection of what is not a sale: listings, their outcomes, and data of other pages."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.clock import ManualClock
from pipeline.collect import CollectBudget, collect
from pipeline.datasets import read_records
from pipeline.market.values import OrderStatus, Rates, Resolution
from pipeline.objects import LocalStore
from pipeline.side import Dated, SideError
from tests.pipeline.collecting import DAYS, SALES, run
from tests.pipeline.fake_market import FakeMarket
from tests.pipeline.market_data import NOW, listing


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


async def test_outcomes_of_earlier_listings_are_asked_until_they_are_final(store: LocalStore) -> None:
    clock = ManualClock(NOW)
    market = FakeMarket(SALES[:10], [listing(number) for number in range(120)])
    first = await run(market, store, clock)
    assert first.rows["resolutions"] == 0

    statuses = [OrderStatus.OPEN, OrderStatus.MATCHED, OrderStatus.CANCELLED]
    market.outcomes = {
        row.hash: Resolution(row.hash, statuses[number % 3], NOW)
        for number, row in enumerate(market.listings)
    }
    market.listings = []  # new ones have pushed them out of the newest pages
    clock.advance(3600)
    market.calls.clear()
    second = await run(market, store, clock)
    assert (second.rows["resolutions"], market.calls["orders"]) == (120, 3)
    market.calls.clear()
    third = await run(market, store, clock)
    assert (third.rows["resolutions"], market.calls["orders"]) == (40, 1)
    assert sum(row.status.final for row in read_records(store, "resolutions", Resolution)) == 80


async def test_the_outcomes_looked_at_longest_ago_are_asked_first(store: LocalStore) -> None:
    clock = ManualClock(NOW)
    listings = [listing(number) for number in range(100)]
    market = FakeMarket(SALES[:10], listings)
    await run(market, store, clock)
    market.listings = []
    for turn in range(2):
        clock.advance(3600)
        market.outcomes = {row.hash: Resolution(row.hash, OrderStatus.OPEN, clock.now()) for row in listings}
        await run(market, store, clock, resolutions=50)
        checked = {row.hash for row in read_records(store, "resolutions", Resolution)}
        assert len(checked) == 50 * (turn + 1)


async def test_reading_listings_stops_at_what_is_known(store: LocalStore) -> None:
    market = FakeMarket(SALES[:10], [listing(number) for number in range(2_000)])
    await run(market, store, workers=1)
    market.calls.clear()
    market.listings = [listing(10_000), *market.listings]
    summary = await run(market, store, workers=1)
    assert (summary.rows["listings"], market.calls["listings"]) == (1, 2)


async def test_side_data_is_read_meanwhile_and_what_fails_costs_itself_only(store: LocalStore) -> None:
    class Down:
        name = "part_strengths"

        async def read(self, today: date) -> Dated[Rates]:
            assert today == NOW.date()
            raise SideError("it is down")

    market = FakeMarket(SALES)
    limits = CollectBudget(history=DAYS)
    summary = await collect(market, store, ManualClock(NOW), budget=limits, side=[Down()])
    assert summary.rows["sales"] == 1_500
    assert "Side data, part strengths: nothing: it is down" in str(summary)
