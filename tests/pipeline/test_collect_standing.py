"""The sweep of the standing book, and collections that are killed or find their files torn."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.clock import ManualClock
from pipeline.collect import CollectBudget, CollectSummary, collect, standing
from pipeline.datasets import read_records, record_keys
from pipeline.market.values import AxieClass, Listing, OrderStatus, Resolution, Sale
from pipeline.objects import LocalStore
from tests.pipeline.fake_market import FakeMarket
from tests.pipeline.market_data import NOW, axie, listing, true_sales

CAP = 200


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture(autouse=True)
def low_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "OFFSET_CAP", CAP)


def beasts(count: int, first: int = 0, breeds: int = 8) -> list[Listing]:
    return [
        listing(number, axie(number, class_=AxieClass.BEAST, breed_count=number % breeds))
        for number in range(first, first + count)
    ]


def market_of(book: list[Listing]) -> FakeMarket:
    market = FakeMarket()
    market.standing, market.cap = book, CAP
    return market


async def run(
    market: FakeMarket, store: LocalStore, clock: ManualClock | None = None, **budget: object
) -> CollectSummary:
    limits = CollectBudget(**budget)  # type: ignore[arg-type]
    return await collect(market, store, clock or ManualClock(NOW), budget=limits)


def hashes(store: LocalStore) -> list[str]:
    return sorted(row.hash for row in read_records(store, "listings", Listing))


def hashes_of(book: list[Listing]) -> list[str]:
    return sorted(row.hash for row in book)


@pytest.mark.parametrize("tells_total", [True, False])
async def test_a_class_past_the_markets_cap_is_read_by_breed_count(
    store: LocalStore, tells_total: bool
) -> None:
    book = [*beasts(1_100), *(listing(number) for number in range(5_000, 5_150))]
    market = market_of(book)
    market.tells_total = tells_total
    summary = await run(market, store)
    assert hashes(store) == hashes_of(book)
    assert (summary.rows["listings"], summary.gaps) == (1_250, 0)
    assert "the sweep is complete" in str(summary)


async def test_exactly_as_many_as_the_cap_are_no_gap(store: LocalStore) -> None:
    book = beasts(CAP)
    assert (await run(market_of(book), store)).gaps == 0
    assert hashes(store) == hashes_of(book)


async def test_what_even_the_smallest_partition_hides_is_a_gap_and_named(store: LocalStore) -> None:
    summary = await run(market_of(beasts(CAP + 50, breeds=1)), store)
    assert summary.gaps == 1
    assert "not read: Beast-0" in str(summary)
    assert len(hashes(store)) == CAP


async def test_a_known_listing_met_again_is_an_outcome_without_a_question(store: LocalStore) -> None:
    clock, market = ManualClock(NOW), market_of(beasts(200))
    await run(market, store, clock)
    clock.advance(8 * 3600)
    gone = market.standing.pop()
    market.standing = [replace(row, seen_at=clock.now()) for row in market.standing]
    market.outcomes = {gone.hash: Resolution(gone.hash, OrderStatus.MATCHED, clock.now())}
    summary = await run(market, store, clock)
    assert (summary.rows["listings"], summary.rows["sightings"], summary.rows["resolutions"]) == (0, 199, 1)
    assert market.calls["orders"] == 1
    known = Counter(row.status for row in read_records(store, "resolutions", Resolution))
    assert known == {OrderStatus.OPEN: 199, OrderStatus.MATCHED: 1}
    assert len(hashes(store)) == 200


async def test_a_sweep_goes_on_where_the_last_run_had_to_stop(store: LocalStore) -> None:
    market = market_of(beasts(1_500))
    runs, summary = 1, await run(market, store, requests=14, workers=2)
    assert "left for the next run" in str(summary)
    while "left for" in (summary.standing or ""):
        summary = await run(market, store, requests=14, workers=2)
        runs += 1
        assert runs < 12
    assert hashes(store) == hashes_of(market.standing)
    assert market.calls["standing"] < 60  # of some 40 pages hardly one was read twice


async def test_the_sweep_leaves_the_sale_feed_and_the_outcomes_their_share(store: LocalStore) -> None:
    clock, market = ManualClock(NOW), market_of(beasts(1_500))
    market.feed = [true.sale for true in true_sales(1_000)]
    await run(market, store, clock, requests=40)
    assert market.calls["standing"] == 10
    assert market.calls["sales"] >= 20
    market.standing = []
    market.calls.clear()
    await run(market, store, clock, requests=40)
    assert market.calls["orders"] > 0


class Killed(BaseException):
    pass


class Torn(LocalStore):
    """A store whose disk keeps only a part of the n-th object when the process dies while writing it."""

    def __init__(self, root: Path, put: int, share: float | None) -> None:
        super().__init__(root)
        self.left, self.share = put, share

    def put(self, key: str, data: bytes) -> None:
        self.left -= 1
        if self.left == 0:
            if self.share is not None:
                super().put(key, data[: int(self.share * len(data))])
            raise Killed
        super().put(key, data)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    deaths=st.lists(st.tuples(st.integers(1, 14), st.none() | st.floats(0, 0.999)), max_size=4),
    workers=st.integers(1, 9),
)
async def test_killed_at_any_byte_of_any_write_the_next_run_has_everything_once(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[tuple[int, float | None]], workers: int
) -> None:
    root = tmp_path_factory.mktemp("torn")
    market = market_of(beasts(350))
    market.feed = SALES
    market.listings = [listing(number) for number in range(9_000, 9_050)]
    for put, share in deaths:
        with contextlib.suppress(Killed):
            await run(market, Torn(root, put, share), workers=workers)
    store = LocalStore(root)
    for _ in range(2):  # one completes what the deaths have left, one more changes nothing
        summary = await run(market, store, workers=workers)
        assert (summary.gaps, summary.failures, summary.stopped) == (0, {}, None)
        assert hashes(store) == hashes_of(market.standing + market.listings)
        assert sorted(sale.id for sale in read_records(store, "sales", Sale)) == SALE_IDS


SALES = [true.sale for true in true_sales(300, span=timedelta(days=1))]
SALE_IDS = sorted(sale.id for sale in SALES)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 30), share=st.floats(0, 0.999))
async def test_a_file_cut_at_any_byte_is_set_aside_and_what_still_stands_is_read_anew(
    tmp_path_factory: pytest.TempPathFactory, which: int, share: float
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("cut"))
    market = market_of(beasts(400))
    market.feed = SALES
    await run(market, store)
    keys = [*record_keys(store, "listings"), *record_keys(store, "sales"), "raw/sales/coverage.json"]
    key = keys[which % len(keys)]
    whole = store.get(key)
    store.put(key, whole[: int(share * len(whole))])
    summary = await run(market, store)
    assert hashes(store) == hashes_of(market.standing)
    assert sorted(sale.id for sale in read_records(store, "sales", Sale)) == SALE_IDS
    if key.endswith(".zst"):
        assert [item.key for item in summary.damaged] == [key]
        assert store.list("set-aside/") == [f"set-aside/{key}"]
    again = await run(market, store)
    assert not again.damaged
