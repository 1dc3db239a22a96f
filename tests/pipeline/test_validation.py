"""The validation gate: broken data stops with its reason, unusual data passes with a warning."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from pipeline.datasets import write_records
from pipeline.labels import build_sales, due, files_of, listing_outcomes
from pipeline.market.values import OrderStatus, Resolution
from pipeline.objects import LocalStore
from pipeline.sales import SLOTS, conform, empty_sales
from pipeline.validation import ValidationFailed, save_report, validate
from pipeline.validation.page import render_html
from tests.pipeline.market_data import NOW, RATES, listing, true_sales

CLASSES = ["Beast", "Bug", "Bird", "Plant", "Aquatic", "Reptile"]


def sales(rows: int = 3_000, days: float = 5.0, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ages = np.sort(rng.uniform(0, days * 86_400, rows))[::-1]
    table = pd.DataFrame(
        {
            "axie_id": np.arange(1, rows + 1),
            "sold_at": pd.to_datetime([NOW - timedelta(seconds=float(age)) for age in ages]),
            "price_usd": 3.0 * np.exp(rng.normal(0, 0.6, rows)),
            "class": rng.choice(CLASSES, rows, p=[0.25, 0.05, 0.1, 0.25, 0.25, 0.1]),
            "breed_count": rng.integers(0, 8, rows),
            **{slot: rng.choice([f"{slot}-{n}" for n in range(9)], rows) for slot in SLOTS},
            "level": rng.integers(1, 61, rows),
            "purity": rng.integers(0, 101, rows),
            "hp": rng.integers(27, 62, rows),
            "payment_token": rng.choice(["WETH", "USDC", "AXS"], rows, p=[0.55, 0.4, 0.05]),
        }
    )
    return conform(table)


GOOD = sales()


def test_a_good_table_passes_without_a_warning_a_print_or_a_call_home(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    report = validate(GOOD, now=NOW)
    assert capfd.readouterr() == ("", "")
    assert report.success
    assert (report.hard, report.warnings, report.rows) == ((), (), 3_000)
    assert report.checked > 20


def test_the_table_itself_is_not_changed() -> None:
    before = GOOD.copy(deep=True)
    validate(GOOD, now=NOW)
    pd.testing.assert_frame_equal(GOOD, before)


def price(value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[7, "price_usd"] = value
        return table

    return change


def with_value(column: str, value: object, rows: int = 1) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[: rows - 1, column] = value  # type: ignore[call-overload]
        return table

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (price(0.0), r"be_between on price_usd: observed 1 of 3,000 .*0\.0.*above \$0"),
        (price(-2.5), r"be_between on price_usd: observed 1 of 3,000 .*-2\.5"),
        (price(1e6), r"be_between on price_usd: observed 1 of 3,000 .*1000000"),
        (price(float("nan")), "not_be_null on price_usd: observed 1 of 3,000"),
        (
            with_value("breed_count", 8),
            r"be_between on breed_count: observed 1 of 3,000 rows otherwise \(8\)",
        ),
        (with_value("class", "Dragon"), r"be_in_set on class: observed 1 of 3,000 rows otherwise \(Dragon\)"),
        (with_value("horn", None, rows=60), "not_be_null on horn: observed 60 of 3,000"),
        (lambda table: pd.concat([table, table[5:6]]), "unique on axie_id and sold_at: observed 2 of 3,001"),
        (
            lambda table: table[:50],
            "row_count_to_be_between on the table: observed 50; .* 2,000",
        ),
        (lambda table: table.drop(columns=["tail"]), "columns_to_match_set on the table: .*tail"),
        (lambda _: empty_sales(), "row_count_to_be_between on the table: observed 0"),
    ],
)
def test_broken_data_is_stopped_by_expectation_column_and_value(
    change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(ValidationFailed, match=message) as caught:
        validate(change(GOOD.copy()), now=NOW)
    assert not caught.value.report.success
    assert caught.value.report.hard


@pytest.mark.parametrize(
    ("now", "hard", "soft"),
    [
        (NOW + timedelta(days=4), 1, 1),
        (NOW + timedelta(hours=30), 0, 1),
        (NOW + timedelta(hours=20), 0, 0),
        (NOW - timedelta(minutes=50), 0, 0),
        (NOW - timedelta(hours=2), 1, 1),
    ],
    ids=["days old", "a day old", "fresh", "a little ahead", "from the future"],
)
def test_the_newest_sale_must_be_of_now(now: datetime, hard: int, soft: int) -> None:
    try:
        report = validate(GOOD, now=now)
    except ValidationFailed as error:
        report = error.report
    assert (len(report.hard), len(report.warnings)) == (hard, soft)
    assert all("on sold_at" in finding for finding in (*report.hard, *report.warnings))


def last_day(table: pd.DataFrame) -> pd.Series:
    return table["sold_at"] > NOW - timedelta(days=1)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (lambda table: table.assign(price_usd=table["price_usd"] * (1 + 3 * last_day(table))), "price_usd"),
        (lambda table: table.assign(**{"class": table["class"].where(~last_day(table), "Dusk")}), "class"),
        (lambda table: table[last_day(table) | (table["axie_id"] % 5 == 0)], "the table"),
        (lambda table: table.assign(level=61.0), "level"),
        (lambda table: table.assign(payment_token="SLP"), "payment_token"),
    ],
    ids=["prices jumped", "classes changed", "volume jumped", "level past the cap", "foreign tokens"],
)
def test_what_is_unusual_is_a_warning_and_no_more(
    change: Callable[[pd.DataFrame], pd.DataFrame], column: str
) -> None:
    report = validate(change(GOOD.copy()), now=NOW, min_rows=500)
    assert report.success
    assert len(report.warnings) == 1
    assert f"on {column}:" in report.warnings[0]


def test_a_feed_that_collapsed_is_a_warning_however_few_sales_are_left() -> None:
    thinned = GOOD[~last_day(GOOD) | (GOOD["axie_id"] % 20 == 0)]
    (warning,) = validate(thinned, now=NOW).warnings
    assert re.search(r"row_count_to_be_between on the table: observed [23]\d; expected \d+ to", warning)


def test_a_day_that_has_only_begun_is_weighed_with_the_hours_before_it() -> None:
    begun = timedelta(minutes=10)  # NOW is midnight
    assert not validate(GOOD.assign(sold_at=GOOD["sold_at"] + begun), now=NOW + begun).warnings


def test_a_given_history_is_what_the_newest_day_is_compared_with() -> None:
    day = GOOD[last_day(GOOD)]
    dear = GOOD.assign(price_usd=GOOD["price_usd"] * 10)
    assert not validate(day, now=NOW, min_rows=100).warnings
    warned = validate(day, now=NOW, min_rows=100, history=dear).warnings
    assert len(warned) == 1
    assert "on price_usd" in warned[0]


def test_a_report_is_kept_as_data_and_as_a_page(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    bad = with_value("class", "<b>Dragon</b>")(GOOD.copy())
    with pytest.raises(ValidationFailed) as caught:
        validate(bad, now=NOW)
    key = save_report(store, "20260701T000000", caught.value.report)
    assert key == "reports/20260701T000000/validation.html"
    page = store.get(key).decode()
    assert "Validation failed" in page
    assert "&lt;b&gt;Dragon&lt;/b&gt;" in page
    assert "<b>Dragon" not in page
    assert "http" not in page, "the page must open offline"
    kept = json.loads(store.get("reports/20260701T000000/validation.json"))
    assert kept["success"] is False
    failed = next(found for found in kept["findings"] if not found["success"])
    assert failed["details"]["result"]["unexpected_count"] == 1


def test_importing_the_gate_does_not_import_the_library() -> None:
    code = "import sys, pipeline.validation; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_hard_failure_names_the_file_that_its_row_came_from(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_records(store, "rates", "run", [replace(RATES, at=NOW - timedelta(days=9))])
    sales = [true.sale for true in true_sales(900, seed=5)]
    write_records(store, "sales", "morning", sales[:600])
    bad = replace(sales[700], axie=replace(sales[700].axie, breed_count=9))
    write_records(store, "sales", "evening", [*sales[600:700], bad, *sales[701:]])
    table = build_sales(store).table
    with pytest.raises(ValidationFailed) as caught:
        validate(table, now=NOW, min_rows=500, trace=lambda rows: files_of(store, rows))
    (message,) = caught.value.report.hard
    file = f"raw/sales/dt={bad.sold_at:%Y-%m-%d}/evening.jsonl.zst"
    assert message.endswith(f"breed counts from 0 to 7; in {file}")
    assert "observed 1 of" in message
    assert "(9)" in message
    assert file in render_html(caught.value.report, "run")


def test_a_row_made_from_a_listing_is_traced_to_that_listing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keys = write_records(store, "listings", "run", [listing(1)])
    write_records(store, "listings", "other", [listing(2)])
    assert files_of(store, [(listing(1).axie.id, NOW)]) == keys
    assert files_of(store, []) == []


def test_a_sale_from_the_future_is_traced_too() -> None:
    asked: list[tuple[int, datetime]] = []

    def trace(rows: Sequence[tuple[int, datetime]]) -> list[str]:
        asked.extend(rows)
        return ["the file"]

    with pytest.raises(ValidationFailed, match=r"max_to_be_between on sold_at: .*in the file"):
        validate(GOOD, now=NOW - timedelta(hours=2), trace=trace)
    newest = GOOD.loc[GOOD["sold_at"].idxmax()]
    assert set(asked) == {(int(newest["axie_id"]), newest["sold_at"].to_pydatetime())}


def test_tokens_mixed_otherwise_than_in_their_week_are_a_warning() -> None:
    table = GOOD.copy()
    table.loc[last_day(table), "payment_token"] = "USDC"
    (warning,) = validate(table, now=NOW).warnings
    assert "on payment_token" in warning
    assert "tokens on the day up to" in warning


@pytest.mark.parametrize(("heard", "warnings"), [(190, 1), (250, 0)])
def test_listings_whose_outcome_nobody_asked_for_are_a_warning(heard: int, warnings: int) -> None:
    listings = pd.DataFrame({"resolved": [True] * heard + [False] * (300 - heard)})
    found = validate(GOOD, now=NOW, listings=listings).warnings
    assert len(found) == warnings
    assert all("on resolved: observed 110 of 300" in warning for warning in found)


def test_only_listings_seen_a_day_ago_are_due(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_records(store, "rates", "run", [replace(RATES, at=NOW - timedelta(days=9))])
    ages = [timedelta(hours=hours) for hours in (1, 30, 40, 50)]
    seen = [listing(n, started_at=NOW - age, seen_at=NOW - age) for n, age in enumerate(ages)]
    write_records(store, "listings", "run", seen)
    answers = [
        Resolution(seen[0].hash, OrderStatus.OPEN, NOW),
        Resolution(seen[1].hash, OrderStatus.CANCELLED, NOW),
        Resolution(seen[2].hash, OrderStatus.OPEN, NOW),
    ]
    write_records(store, "resolutions", "run", answers)
    assert sorted(due(listing_outcomes(store), NOW)["resolved"]) == [False, True, True]


def test_damaged_files_are_warnings_and_what_was_left_out_is_counted_on_the_page() -> None:
    report = validate(GOOD, now=NOW, excluded={"self-trade": 7}, damaged=["raw/sales/x.zst (truncated)"])
    assert report.warnings == ("left out as damaged: raw/sales/x.zst (truncated)",)
    page = render_html(report, "run")
    assert "7 sales left out: self-trade" in page
    assert "Damaged: raw/sales/x.zst (truncated)" in page
