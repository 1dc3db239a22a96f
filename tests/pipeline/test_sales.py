"""The sales table: whatever the file, the same columns, dtypes and order, and nothing lost in silence."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sales import (
    COLUMNS,
    DTYPES,
    SLOTS,
    SalesTableError,
    empty_sales,
    read_sales,
    rejected,
    write_sales,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "axie-sales-2022-04-11--24.csv.gz"
START = datetime(2022, 4, 11, tzinfo=UTC)


def rows(count: int = 3, **overrides: object) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "axie_id": range(1, count + 1),
            "sold_at": [(START + timedelta(minutes=i)).isoformat() for i in range(count)],
            "price_usd": [10.0 + i for i in range(count)],
            "class": ["Beast"] * count,
            "breed_count": [i % 8 for i in range(count)],
            **{slot: [f"{slot}-plain"] * count for slot in SLOTS},
        }
    )
    return table.assign(**overrides)


def as_csv(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False)
    return path


def test_a_minimal_csv_reads_with_every_column_and_nulls_where_unknown(tmp_path: Path) -> None:
    table = read_sales([as_csv(rows(), tmp_path / "sales.csv")])
    assert list(table.columns) == list(COLUMNS)
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == DTYPES
    assert table["purity"].isna().all()
    assert table["special_genes"].isna().all()
    assert table["sold_at"].tolist() == [START + timedelta(minutes=i) for i in range(3)]


def test_genes_tell_the_purity_that_a_table_does_not(tmp_path: Path) -> None:
    genes = [f"0x{1:0128x}", "none", None, f"0x{1:0128x}"]  # every gene of the first is a Beast's
    table = rows(4, genes=genes, purity=[None, None, None, 40])
    found = read_sales([as_csv(table, tmp_path / "sales.csv")])["purity"]
    assert found.tolist()[::3] == [100.0, 40.0]
    assert found.isna().tolist() == [False, True, True, False]


def test_an_empty_table_has_the_same_shape_as_a_read_one(tmp_path: Path) -> None:
    header_only = read_sales([as_csv(rows(0), tmp_path / "none.csv")])
    pd.testing.assert_frame_equal(header_only, empty_sales())
    pd.testing.assert_frame_equal(read_sales([]), empty_sales())


def test_compressed_csv_and_parquet_give_the_same_table(tmp_path: Path) -> None:
    table = rows(
        5, price_raw=["141000000000000000000", "1", "2", "3", "4"], title=["Origin", None, None, "", "MEO"]
    )
    with gzip.open(tmp_path / "sales.csv.gz", "wt") as file:
        table.to_csv(file, index=False)
    first = read_sales([tmp_path / "sales.csv.gz"])
    write_sales(first, tmp_path / "deep" / "sales.parquet")
    pd.testing.assert_frame_equal(read_sales([tmp_path / "deep" / "sales.parquet"]), first)
    assert first["price_raw"][0] == "141000000000000000000"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["sales.parquet"]


def test_rows_of_several_files_are_in_order_of_time_and_ties_in_order_of_files(tmp_path: Path) -> None:
    late = as_csv(rows(3).iloc[::-1].assign(axie_id=[9, 8, 7]), tmp_path / "late.csv")
    early = as_csv(rows(3), tmp_path / "early.csv")
    table = read_sales([late, early])
    assert table["sold_at"].is_monotonic_increasing
    assert table["axie_id"].tolist() == [7, 1, 8, 2, 9, 3]


def test_unknown_columns_are_ignored(tmp_path: Path) -> None:
    table = read_sales([as_csv(rows(note="x", colour=3), tmp_path / "sales.csv")])
    assert list(table.columns) == list(COLUMNS)


def test_a_missing_column_is_named_together_with_the_file(tmp_path: Path) -> None:
    path = as_csv(rows().drop(columns=["horn"]), tmp_path / "hornless.csv")
    with pytest.raises(SalesTableError, match=r"hornless\.csv.*horn"):
        read_sales([path])


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("price_usd", [0, -1, 5], {"price_usd is no positive number": 2}),
        ("price_usd", ["free", "inf", "5"], {"price_usd is no positive number": 2}),
        ("class", ["Dragon", None, "Dusk"], {"unknown class": 2}),
        ("sold_at", ["yesterday", "1650000000", "2022-04-11T00:00:00Z"], {"sold_at is no time": 2}),
        ("axie_id", ["", "1.5", "7"], {"axie_id is no whole number": 2}),
        ("breed_count", [None, -1, 7], {"breed_count is no whole number": 2}),
        ("tail", [None, "", "tail-hare"], {"tail missing": 2}),
    ],
)
def test_bad_rows_are_left_out_and_counted(
    tmp_path: Path, column: str, values: list[object], reason: dict[str, int]
) -> None:
    table = read_sales([as_csv(rows(3, **{column: values}), tmp_path / "sales.csv")])
    assert len(table) == 1
    assert rejected(table) == reason


def test_a_file_without_any_good_row_says_why(tmp_path: Path) -> None:
    path = as_csv(rows(2, price_usd=[0, 0]), tmp_path / "free.csv")
    with pytest.raises(SalesTableError, match=r"free\.csv.*no positive number: 2"):
        read_sales([path])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("torn.csv.gz", gzip.compress(b"axie_id,price_usd\n" * 9, mtime=0)[:-9]),
        ("noise.parquet", b"PAR1 and nothing more"),
        ("latin.csv", b"axie_id,class\n1,\xff\xfe\n"),
        ("table.xlsx", b"PK"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SalesTableError, match=name.replace(".", r"\.")):
        read_sales([tmp_path / name])
    with pytest.raises(SalesTableError, match="absent"):
        read_sales([tmp_path / "absent.csv"])


def test_a_table_that_lacks_a_required_column_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SalesTableError, match="price_usd"):
        write_sales(rows().drop(columns=["price_usd"]), tmp_path / "sales.parquet")
    assert not list(tmp_path.iterdir())


TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(TIMES, st.floats(1e-9, 1e6), st.none() | st.text("ab|X", max_size=9)), max_size=12))
def test_writing_and_reading_gives_the_table_back(
    tmp_path_factory: pytest.TempPathFactory, sales: list[tuple[datetime, float, str | None]]
) -> None:
    path = tmp_path_factory.mktemp("round") / "sales.parquet"
    table = rows(len(sales)).assign(
        sold_at=pd.to_datetime([at for at, _, _ in sales], utc=True),
        price_usd=[price for _, price, _ in sales],
        special_genes=[genes for _, _, genes in sales],
    )
    write_sales(table, path)
    first = read_sales([path])
    assert sorted(first["price_usd"]) == sorted(price for _, price, _ in sales)
    assert sorted(first["sold_at"]) == sorted(at for at, _, _ in sales)
    write_sales(first, path)
    pd.testing.assert_frame_equal(read_sales([path]), first)


@pytest.mark.skipif(not SHARED.exists(), reason=f"no real sales at {SHARED}")
def test_a_fortnight_of_real_sales_reads_in_under_a_second() -> None:
    seconds = []
    for _ in range(3):
        started = time.process_time()  # others may be using the machine too
        table = read_sales([SHARED])
        seconds.append(time.process_time() - started)
    assert min(seconds) < 1.0
    assert len(table) == 66_413
    assert not rejected(table)
    assert table["sold_at"].is_monotonic_increasing
