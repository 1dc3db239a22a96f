"""Labels: a price is kept only where its token is known or can only be one, and nothing goes uncounted."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.datasets import record_keys, write_records
from pipeline.labels import build_sales
from pipeline.market.values import OrderStatus, Part, Rates, Resolution, Slot, Token
from pipeline.objects import LocalStore
from pipeline.sales import COLUMNS, DTYPES, read_sales, rejected, write_sales
from tests.pipeline.labelled import MINUTE, build, sale, with_rates
from tests.pipeline.market_data import NOW, RATES, TrueSale, amount_of, axie, listing, true_sales, wallet


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return with_rates(tmp_path)


@pytest.fixture(scope="module")
def truth() -> list[TrueSale]:
    return true_sales(4_000, seed=3)


def test_ninety_nine_of_a_hundred_kept_sales_have_the_right_token_and_price(
    store: LocalStore, truth: list[TrueSale]
) -> None:
    result = build(store, [true.sale for true in truth])
    known = {true.sale.axie.id: true for true in truth}
    table = result.table
    told = zip(table["axie_id"], table["payment_token"], table["price_usd"], strict=True)
    right = [
        token == known[number].token and abs(price / known[number].price_usd - 1) < 1e-9
        for number, token, price in told
    ]
    assert sum(right) / len(right) >= 0.99
    assert len(table) >= 0.9 * len(truth)
    assert len(table) + result.excluded["ambiguous token"] == len(truth)
    kept = Counter(table["payment_token"])
    for token in (Token.WETH, Token.USDC):
        assert kept[token] >= 0.98 * sum(true.token is token for true in truth)


def test_collectibles_are_not_mistaken_for_cheap_sales_in_another_token(
    store: LocalStore, truth: list[TrueSale]
) -> None:
    rng = random.Random(5)
    plain = axie(77)
    horn = replace(plain.parts[3], special="Mystic")
    mystics = [
        replace(
            truth[number].sale,
            id=f"mystic-{number}",
            axie=replace(plain, id=number, parts=(*plain.parts[:3], horn, *plain.parts[4:])),
            amount=amount_of(2_500 * rng.lognormvariate(0, 0.4), Token.WETH),
        )
        for number in range(60)
    ]
    table = build(store, [*(true.sale for true in truth), *mystics]).table
    found = table[table["axie_id"] < 60]
    assert len(found) >= 30
    assert set(found["payment_token"]) == {"WETH"}


def test_the_table_is_a_sales_table_that_survives_a_file(
    store: LocalStore, truth: list[TrueSale], tmp_path: Path
) -> None:
    table = build(store, [true.sale for true in truth]).table
    assert list(table.columns) == list(COLUMNS)
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == DTYPES
    write_sales(table, tmp_path / "sales.parquet")
    again = read_sales([tmp_path / "sales.parquet"])
    assert not rejected(again)
    pd.testing.assert_frame_equal(again, table)


def test_an_axie_becomes_a_row_with_all_that_is_known_of_it(store: LocalStore) -> None:
    subject = axie(5, title="MEO Corp", level=12, purity=87)
    first: Part = replace(subject.parts[0], special="Xmas2018")
    subject = replace(subject, parts=(first, *subject.parts[1:]))
    row = build(store, [sale(1, 5, 1, 2, axie=subject)]).table.iloc[0]
    assert row["title"] == "MEO Corp"
    assert (row["level"], row["purity"], row["hp"], row["morale"]) == (12, 87, 31, 37)
    assert row["pure_parts"] == subject.pure_parts
    assert row["evolved_parts"] == sum(part.stage == 2 for part in subject.parts)
    assert [row[slot] for slot in Slot] == [part.id for part in subject.parts]
    specials = [part.special or "" for part in subject.parts]
    assert specials[0] == "Xmas2018"
    assert row["special_genes"] == "|".join(specials)
    assert row["genes"] == subject.genes
    assert (row["price_raw"], row["payment_token"], row["price_usd"]) == ("3000000", "USDC", 3.0)


def test_dollars_are_those_of_the_rates_as_of_the_sale(store: LocalStore) -> None:
    days = [NOW - timedelta(days=3), NOW - timedelta(days=2), NOW - timedelta(days=1)]
    for number, at in enumerate(days):
        usd = RATES.usd | {Token.WETH: 1000.0 * (number + 1)}
        write_records(store, "rates", f"run-{number}", [Rates(at, usd)])
    times = [NOW - timedelta(days=30), days[0], days[1] - MINUTE, days[1] + MINUTE, NOW]
    sales = [sale(n, n, 1, 100 + n, sold_at=at, amount=10**15) for n, at in enumerate(times)]
    assert build(store, sales).table["price_usd"].round(6).tolist() == [3.1, 1.0, 1.0, 2.0, 3.0]


def test_a_seen_listing_tells_the_token_that_the_amount_cannot(store: LocalStore) -> None:
    amount = amount_of(3.0, Token.AXS)
    listed = listing(
        1,
        axie(1, level=7),
        token=Token.AXS,
        base=amount,
        seller="0x" + wallet(10)[2:].upper(),
        started_at=NOW - timedelta(days=2),
        seen_at=NOW - timedelta(days=2),
    )
    write_records(store, "listings", "run", [listed])
    grown = sale(1, 1, 10, 2, amount=amount, axie=axie(1, level=30))
    unseen = sale(2, 2, 3, 4, amount=amount)
    result = build(store, [grown, unseen])
    assert result.excluded["ambiguous token"] == 1
    row = result.table.iloc[0]
    assert (row["payment_token"], round(row["price_usd"], 4)) == ("AXS", 3.0)
    assert row["level"] == 7, "the level is that of the listing, not of today"
    assert row["listed_at"] == listed.started_at


@pytest.mark.parametrize(
    "changes",
    [{"seller": wallet(9)}, {"base": 10**18}, {"started_at": NOW}, {"axie": axie(8)}],
    ids=["of another seller", "at another price", "begun after the sale", "of another axie"],
)
def test_a_listing_that_is_not_the_one_sold_tells_nothing(
    store: LocalStore, changes: dict[str, object]
) -> None:
    amount = amount_of(3.0, Token.WRON)
    values: dict[str, object] = {
        "token": Token.WRON,
        "base": amount,
        "seller": wallet(1),
        "started_at": NOW - timedelta(days=2),
        "seen_at": NOW - timedelta(days=1),
    }
    write_records(
        store, "listings", "run", [listing(1, **{"of": axie(1), "axie": axie(1), **values, **changes})]
    )
    result = build(store, [sale(1, 1, 1, 2, amount=amount)])
    assert result.excluded["ambiguous token"] == 1


def test_an_auction_is_recognised_by_its_price_at_that_moment(store: LocalStore) -> None:
    start = NOW - timedelta(hours=10)
    auction = listing(
        1,
        axie(1),
        token=Token.AXS,
        base=4 * 10**18,
        ended=10**18,
        seller=wallet(1),
        started_at=start,
        ended_at=start + timedelta(hours=10),
        seen_at=start,
    )
    write_records(store, "listings", "run", [auction])
    sold = sale(1, 1, 1, 2)
    paid = auction.ask(sold.sold_at - timedelta(seconds=20)).amount  # the block was a little earlier
    result = build(store, [replace(sold, amount=paid)])
    assert result.table["payment_token"].tolist() == ["AXS"]


def test_a_sold_listing_that_the_feed_missed_becomes_a_sale_when_that_is_learnt(store: LocalStore) -> None:
    seen = NOW - timedelta(hours=9)
    values = {"token": Token.WRON, "base": 5 * 10**18, "started_at": seen, "seen_at": seen}
    listings = [listing(number, axie(number), seller=wallet(number), **values) for number in range(1, 6)]
    write_records(store, "listings", "run", listings)
    open_, learnt = NOW - timedelta(hours=4), NOW - timedelta(hours=2)
    outcomes = [
        OrderStatus.MATCHED,
        OrderStatus.CANCELLED,
        OrderStatus.EXPIRED,
        OrderStatus.OPEN,
        OrderStatus.MATCHED,
    ]
    write_records(
        store, "resolutions", "a", [Resolution(row.hash, OrderStatus.OPEN, open_) for row in listings]
    )
    write_records(
        store,
        "resolutions",
        "b",
        [Resolution(row.hash, what, learnt) for row, what in zip(listings, outcomes, strict=True)],
    )
    told = sale(1, 5, 5, 99, amount=5 * 10**18, sold_at=open_ + MINUTE)
    table = build(store, [told]).table
    assert table["axie_id"].tolist() == [5, 1]
    assert table["sold_at"].tolist() == [told.sold_at, learnt]
    assert set(table["payment_token"]) == {"WRON"}


def test_a_sold_listing_of_unknown_time_is_no_sale(store: LocalStore) -> None:
    old = listing(1, axie(1), started_at=NOW - timedelta(days=3), seen_at=NOW - timedelta(days=3))
    write_records(store, "listings", "run", [old])
    write_records(store, "resolutions", "run", [Resolution(old.hash, OrderStatus.MATCHED, NOW)])
    assert build(store, []).table.empty


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), scale=st.floats(0.3, 10.0))
def test_tokens_are_told_right_at_any_level_of_the_market(
    seed: int, scale: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    truth = true_sales(600, seed=seed)
    scaled = {
        true.sale.id: replace(
            true.sale, amount=amount_of(true.price_usd * scale, true.token)
        )
        for true in truth
    }  # fmt: skip
    store = LocalStore(tmp_path_factory.mktemp("level"))
    write_records(store, "rates", "run", [RATES])
    table = build(store, list(scaled.values())).table
    tokens = {true.sale.axie.id: true.token for true in truth}
    wrong = sum(
        tokens[number] != token
        for number, token in zip(table["axie_id"], table["payment_token"], strict=True)
    )
    assert wrong <= 0.01 * len(table)


def test_without_rates_nothing_is_guessed(tmp_path: Path, truth: list[TrueSale]) -> None:
    result = build(LocalStore(tmp_path), [true.sale for true in truth[:50]])
    assert result.table.empty
    assert list(result.table.columns) == list(COLUMNS)
    assert result.excluded["no exchange rates"] == 50


def test_an_empty_store_gives_an_empty_table(tmp_path: Path) -> None:
    assert build_sales(LocalStore(tmp_path)).table.empty


def test_sales_since_a_moment(store: LocalStore, truth: list[TrueSale]) -> None:
    since = NOW - timedelta(days=1)
    table = build(store, [true.sale for true in truth], since).table
    assert table["sold_at"].min() >= since
    assert len(table) > 500


def test_a_damaged_file_costs_its_rows_and_is_named(store: LocalStore, truth: list[TrueSale]) -> None:
    write_records(store, "sales", "run", [true.sale for true in truth])
    key = record_keys(store, "sales")[0]
    store.put(key, store.get(key)[:100])
    result = build_sales(store)
    assert [item.key for item in result.damaged] == [key]
    assert 0 < len(result.table) < len(truth)


def test_twenty_thousand_sales_take_under_two_seconds(store: LocalStore, truth: list[TrueSale]) -> None:
    sales = [
        replace(
            true.sale,
            id=f"{copy}-{true.sale.id}",
            axie=replace(true.sale.axie, id=true.sale.axie.id * 10 + copy),
        )
        for copy in range(5)
        for true in truth
    ]
    write_records(store, "sales", "run", sales)
    started = time.process_time()  # others may be using the machine too
    result = build_sales(store)
    seconds = time.process_time() - started
    assert len(result.table) > 18_000
    assert seconds < 2.0
