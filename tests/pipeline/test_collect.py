"""Collection: everything once, no hole left in silence, whatever fails and wherever it is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.clock import ManualClock
from pipeline.collect import CollectBudget, collect
from pipeline.datasets import read_records, record_keys
from pipeline.market.errors import KeyRejected, MarketUnavailable, QueryRejected
from pipeline.market.values import Listing, Rates, Sale
from pipeline.objects import LocalStore
from tests.pipeline.collecting import DAYS, SALES, run
from tests.pipeline.fake_market import FakeMarket
from tests.pipeline.market_data import NOW, RATES, listing, true_sales


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def stored(store: LocalStore) -> list[Sale]:
    return sorted(read_records(store, "sales", Sale), key=lambda sale: (sale.sold_at, sale.id))


def expected(sales: list[Sale]) -> list[Sale]:
    return sorted(sales, key=lambda sale: (sale.sold_at, sale.id))


async def test_a_first_run_stores_rates_listings_and_the_whole_feed_once(store: LocalStore) -> None:
    market = FakeMarket(SALES, [listing(number) for number in range(250)])
    summary = await run(market, store)
    assert stored(store) == expected(SALES)
    assert len(list(read_records(store, "listings", Listing))) == 250
    assert list(read_records(store, "rates", Rates)) == [RATES]
    assert summary.rows == Counter(rates=1, listings=250, sales=1_500)
    assert (summary.gaps, summary.stopped) == (0, None)
    assert summary.requests == market.calls.total()


async def test_a_repeated_run_adds_no_sale_and_asks_little(store: LocalStore) -> None:
    market = FakeMarket(SALES, [listing(number) for number in range(250)])
    await run(market, store)
    first = market.calls["sales"]
    again = await run(market, store)
    assert again.rows["sales"] == again.rows["listings"] == 0
    assert stored(store) == expected(SALES)
    assert market.calls["sales"] - first <= 12  # what had not settled, and the end of the feed


async def test_the_next_run_gets_what_is_new_and_what_appeared_late(store: LocalStore) -> None:
    cut = NOW - timedelta(hours=8)
    before = [sale for sale in SALES if sale.sold_at <= cut]
    late = before.pop(-2)
    market, clock = FakeMarket(before), ManualClock(cut)
    await run(market, store, clock)
    assert late.sold_at > cut - timedelta(minutes=10)
    assert late not in stored(store)
    market.feed = SALES
    clock.advance(8 * 3600)
    summary = await run(market, store, clock)
    assert stored(store) == expected(SALES)
    assert summary.duplicates["sales"] > 0


async def test_a_run_cut_short_by_its_budget_says_so_and_later_ones_fill_the_hole(store: LocalStore) -> None:
    market = FakeMarket(SALES)
    first = await run(market, store, requests=12)
    assert (first.requests, first.stopped) == (12, "request budget spent")
    assert first.gaps > 0
    assert "request budget spent" in str(first)
    runs = 1
    while (await run(market, store, requests=16)).stopped:
        runs += 1
        assert runs < 12
    assert stored(store) == expected(SALES)


async def test_a_run_ends_when_its_minutes_are_over(store: LocalStore) -> None:
    summary = await run(FakeMarket(SALES), store, minutes=0.0)
    assert (summary.requests, summary.stopped) == (0, "time spent")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kills=st.lists(st.integers(2, 60), max_size=3),
    outages=st.sets(st.integers(1, 60), max_size=8),
    crowded=st.booleans(),
    workers=st.integers(1, 9),
)
async def test_however_runs_are_killed_or_fail_the_last_one_completes_the_feed(
    tmp_path_factory: pytest.TempPathFactory, kills: list[int], outages: set[int], crowded: bool, workers: int
) -> None:
    class Killed(BaseException):
        pass

    class Deadly(FakeMarket):
        kill_at: int | None = None

        async def _answer(self, kind: str) -> None:
            await super()._answer(kind)
            if self.kill_at is not None and self.calls.total() >= self.kill_at:
                raise Killed

    store = LocalStore(tmp_path_factory.mktemp("killed"))
    sales = SALES[:400]
    if crowded:  # thirty sales within one second
        sales = (
            sales[:200] + [replace(sale, sold_at=sales[200].sold_at) for sale in sales[200:230]] + sales[230:]
        )
    market = Deadly(sales)
    for kill_at in kills:
        market.calls.clear()
        market.kill_at = kill_at
        with contextlib.suppress(Killed):
            await run(market, store, workers=workers)
    market.kill_at = None
    market.calls.clear()
    market.fails = {number: MarketUnavailable("down") for number in outages}
    await run(market, store, workers=workers)
    market.fails = {}
    last = await run(market, store, workers=workers)
    assert (last.gaps, last.failures) == (0, {})
    assert stored(store) == expected(sales)


async def test_a_crowded_second_that_does_not_fit_a_page_is_a_gap_not_an_endless_loop(
    store: LocalStore,
) -> None:
    crowd = [replace(sale, sold_at=SALES[700].sold_at) for sale in SALES[700:790]]
    summary = await run(FakeMarket(SALES[:700] + crowd + SALES[790:]), store)
    assert summary.gaps == 1
    assert len(stored(store)) == 1_500 - 40


async def test_a_feed_that_ignores_its_cursor_ends_and_is_named(store: LocalStore) -> None:
    class Deaf(FakeMarket):
        async def sales(self, before=None, size=50):  # type: ignore[no-untyped-def]
            return await super().sales(None, size)

    summary = await run(Deaf(SALES), store)
    assert "the sale feed ignored its cursor" in summary.failures
    assert summary.gaps > 0
    assert summary.requests < 100


async def test_rows_that_cannot_be_used_are_counted_once_by_reason(store: LocalStore) -> None:
    market = FakeMarket(SALES)
    market.broken = {sale.id for sale in SALES[::10]}
    summary = await run(market, store)
    assert summary.rejected == {"bad price": 150}
    assert stored(store) == expected([sale for sale in SALES if sale.id not in market.broken])
    assert "150 bad price" in str(summary)


async def test_a_page_without_one_good_row_is_stepped_over_and_counted(store: LocalStore) -> None:
    market = FakeMarket(SALES)
    market.broken = {sale.id for sale in SALES[600:720]}
    summary = await run(market, store)
    assert summary.gaps > 0
    assert stored(store) == expected(SALES[:600] + SALES[720:])


async def test_a_damaged_file_is_set_aside_and_its_day_read_anew(store: LocalStore) -> None:
    market = FakeMarket(SALES)
    await run(market, store)
    key = record_keys(store, "sales")[1]
    store.put(key, store.get(key)[:-20])
    summary = await run(market, store)
    assert [item.key for item in summary.damaged] == [key]
    assert key in str(summary)
    assert stored(store) == expected(SALES)
    assert store.list("set-aside/") == [f"set-aside/{key}"]
    assert not (await run(market, store)).damaged


async def test_an_outage_ends_the_run_early_with_what_was_got_stored(store: LocalStore) -> None:
    market = FakeMarket(SALES)
    market.fails = {number: MarketUnavailable("502") for number in range(20, 500)}
    summary = await run(market, store, workers=2)
    assert summary.stopped == "the marketplace does not answer"
    assert summary.requests < 30
    assert 0 < len(stored(store)) == summary.rows["sales"] < 1_500


async def test_a_refused_key_is_raised_after_storing(store: LocalStore) -> None:
    market = FakeMarket(SALES)
    market.fails = {30: KeyRejected("the key was withdrawn")}
    with pytest.raises(KeyRejected, match="withdrawn"):
        await run(market, store)
    assert stored(store)
    assert market.calls.total() < 45


async def test_a_query_that_the_market_refuses_costs_its_kind_only(store: LocalStore) -> None:
    clock, market = ManualClock(NOW), FakeMarket(SALES, [listing(number) for number in range(300)])
    await run(market, store, clock)
    market.calls.clear()
    market.listings = []
    market.refuses = {"orders": QueryRejected("the marketplace no longer knows Order.status")}
    market.feed = [*SALES, replace(SALES[-1], id="new", sold_at=NOW)]
    summary = await run(market, store, clock, workers=1)
    assert market.calls["orders"] == 1
    assert summary.rows["sales"] == 1
    assert "Order.status" in str(summary)


async def test_an_empty_market_is_no_error(store: LocalStore) -> None:
    summary = await run(FakeMarket(), store)
    assert summary.rows == Counter(rates=1)
    assert summary.gaps == 0


async def test_progress_ends_at_what_was_stored(store: LocalStore) -> None:
    told: dict[str, tuple[int, int | None]] = {}

    def progress(kind: str, done: int, of: int | None) -> None:
        told[kind] = (done, of)

    market = FakeMarket(SALES, [listing(number) for number in range(120)])
    await collect(
        market, store, ManualClock(NOW), run="named", budget=CollectBudget(history=DAYS), progress=progress
    )
    assert told["sales"] == (1_500, 1_500)
    assert told["listings"] == (120, 120)
    assert all("/named" in key for key in record_keys(store, "sales"))


async def test_pages_are_fetched_side_by_side_within_the_bound(store: LocalStore) -> None:
    sales = [true.sale for true in true_sales(12_000, span=timedelta(days=3))]
    market = FakeMarket(sales)
    market.latency = 0.02
    ticks, watching = 0, True

    async def heartbeat() -> None:
        nonlocal ticks
        while watching:
            ticks += 1
            await asyncio.sleep(0)

    watcher = asyncio.create_task(heartbeat())
    started = time.perf_counter()
    summary = await run(market, store)
    seconds = time.perf_counter() - started
    watching = False
    await watcher
    assert summary.rows["sales"] == 12_000
    assert market.busiest == CollectBudget().workers
    assert market.calls["sales"] < 12_000 / 50 * 1.5
    assert seconds < 10  # one after another the requests alone would take as long
