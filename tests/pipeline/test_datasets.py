"""Raw records: what was written is read back, by day, and no damaged file stops the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from pipeline.datasets import Damaged, read_records, record_keys, write_records
from pipeline.market.values import Listing, OrderStatus, Rates, Resolution, Sale
from pipeline.objects import LocalStore
from tests.pipeline.market_data import NOW, RATES, axie, listing, true_sales


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def test_every_kind_of_record_is_read_back_as_it_was(store: LocalStore) -> None:
    sales = [true.sale for true in true_sales(50)]
    listings = [listing(number) for number in range(3)]
    resolutions = [Resolution("0xabc", OrderStatus.MATCHED, NOW)]
    write_records(store, "sales", "run", sales)
    write_records(store, "listings", "run", listings)
    write_records(store, "resolutions", "run", resolutions)
    write_records(store, "rates", "run", [RATES])
    assert list(read_records(store, "sales", Sale)) == sales
    assert sorted(read_records(store, "listings", Listing), key=lambda row: row.hash) == listings
    assert list(read_records(store, "resolutions", Resolution)) == resolutions
    assert list(read_records(store, "rates", Rates)) == [RATES]


def test_records_lie_in_the_partition_of_their_utc_day(store: LocalStore) -> None:
    tokyo = timezone(timedelta(hours=9))
    early = Sale("a", axie(1), datetime(2026, 7, 2, 8, 59, tzinfo=tokyo), 1, "0x1", "0x2")
    late = Sale("b", axie(1), datetime(2026, 7, 2, 9, 0, tzinfo=tokyo), 1, "0x1", "0x2")
    assert write_records(store, "sales", "run-1", [late, early]) == [
        "raw/sales/dt=2026-07-01/run-1.jsonl.zst",
        "raw/sales/dt=2026-07-02/run-1.jsonl.zst",
    ]
    assert write_records(store, "sales", "run-2", []) == []


def test_writing_a_run_again_changes_nothing(store: LocalStore) -> None:
    sales = [true.sale for true in true_sales(20)]
    first = {key: store.get(key) for key in write_records(store, "sales", "run", sales)}
    write_records(store, "sales", "run", sales)
    assert {key: store.get(key) for key in store.list("raw/")} == first


def test_reading_since_a_moment_is_exact_within_its_day(store: LocalStore) -> None:
    sales = [true.sale for true in true_sales(200)]
    write_records(store, "sales", "run", sales)
    since = NOW - timedelta(hours=30)
    assert list(read_records(store, "sales", Sale, since)) == [
        sale for sale in sales if sale.sold_at >= since
    ]


def test_some_fields_can_be_read_without_the_rest(store: LocalStore) -> None:
    class Seen(Struct):
        hash: str
        seen_at: datetime

    write_records(store, "listings", "run", [listing(1)])
    assert [row.hash for row in read_records(store, "listings", Seen, NOW - timedelta(days=1))] == [
        listing(1).hash
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_file_torn_at_any_byte_is_set_aside_whole_and_reported(store: LocalStore, cut: float) -> None:
    sales = [true.sale for true in true_sales(30, span=timedelta(hours=20))]
    (key,) = write_records(store, "sales", "a", sales[:15])
    write_records(store, "sales", "b", sales[15:])
    whole = store.get(key)
    store.put(key, whole[: int(cut * len(whole))])
    damaged: list[Damaged] = []
    assert list(read_records(store, "sales", Sale, damaged=damaged)) == sales[15:]
    assert [item.key for item in damaged] == [key]
    assert damaged[0].day == sales[0].sold_at.date()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_never_passes_for_data(store: LocalStore, place: float, flip: int) -> None:
    sales = [true.sale for true in true_sales(10, span=timedelta(hours=20))]
    (key,) = write_records(store, "sales", "a", sales)
    changed = bytearray(store.get(key))
    changed[int(place * len(changed))] ^= flip
    store.put(key, bytes(changed))
    damaged: list[Damaged] = []
    read = list(read_records(store, "sales", Sale, damaged=damaged))
    assert (read, len(damaged)) in ((sales, 0), ([], 1))  # a bit of the header may mean nothing


def test_a_record_of_another_shape_is_reported_and_its_neighbours_kept(store: LocalStore) -> None:
    sales = [true.sale for true in true_sales(3, span=timedelta(hours=1))]
    (key,) = write_records(store, "sales", "run", sales)
    lines = zstandard.decompress(store.get(key)).splitlines()
    lines[1] = b'{"id": "x", "colour": "blue"}'
    store.put(key, zstandard.compress(b"\n".join(lines)))
    damaged: list[Damaged] = []
    assert list(read_records(store, "sales", Sale, damaged=damaged)) == [sales[0], sales[2]]
    assert "1 of 3 records" in damaged[0].reason


def test_foreign_files_beside_the_records_are_not_read(store: LocalStore) -> None:
    write_records(store, "rates", "run", [RATES])
    for key in (
        "raw/rates/dt=2026-07-01/notes.txt",
        "raw/rates/dt=soon/run.jsonl.zst",
        "raw/rates/coverage.json",
    ):
        store.put(key, b"not a record")
    assert record_keys(store, "rates") == ["raw/rates/dt=2026-07-01/run.jsonl.zst"]
    assert list(read_records(store, "rates", Rates)) == [Rates(RATES.at.astimezone(UTC), RATES.usd)]
