import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.market import decode
from pipeline.market.errors import MalformedAnswer
from pipeline.market.pages import Page
from pipeline.market.values import AxieClass, Listing, OrderStatus, Slot, Stats, Token
from tests.pipeline.market.rows import (
    NOW,
    SEEN,
    START,
    axie_row,
    axies_data,
    order_row,
    raw,
    shared,
)


def page(*rows: Any) -> Page[Listing]:
    return decode.listings(raw(axies_data(*rows)), SEEN)


def one(**order: Any) -> Listing:
    read = page(axie_row(order=order_row(**order)))
    assert read.rejected == ()
    return read.rows[0]


def test_a_page_of_a_million_rows_is_no_page() -> None:
    with pytest.raises(MalformedAnswer, match="page of 1000000 rows"):
        decode.listings(raw({"axies": {"total": 1_000_000, "results": [{}] * 1_000_000}}), SEEN)


def test_a_fixed_price_listing_is_read_in_full() -> None:
    read = page(axie_row())
    listing = read.rows[0]
    assert listing.axie.id == 22568
    assert listing.axie.class_ is AxieClass.AQUATIC
    assert [part.slot for part in listing.axie.parts] == list(Slot)
    assert listing.axie.owner == listing.seller == "0xabcdef"
    assert listing.axie.level == 7
    assert listing.axie.purity == 50
    assert listing.axie.stats == Stats(41, 48, 35, 36)
    assert listing.axie.title is None
    assert listing.token is Token.WETH
    assert listing.base == 1_500_000_000_000_000
    assert listing.ended_at is None
    assert not listing.is_auction
    assert listing.started_at == NOW - timedelta(minutes=1)
    assert listing.fee_bps == 425
    assert listing.status is OrderStatus.OPEN
    assert (listing.seen_at, read.received, read.at) == (NOW, SEEN.received, NOW)
    assert (read.seen, read.total, read.pending, read.unread) == (1, 1, (), ())


def test_a_real_auction_costs_what_the_marketplace_said() -> None:
    path = shared("responses/axie_detail_22568_order_2022-11.json")
    row = json.loads(path.read_text())["data"]["axie"]
    row["order"]["status"] = "Open"
    listing = page(row).rows[0]
    order = row["order"]
    read_at = datetime.fromtimestamp(order["endedAt"] - order["timeLeft"], UTC)
    assert listing.ask(read_at).amount == int(order["currentPrice"])
    assert listing.axie.purity == 16
    assert {part.special for part in listing.axie.parts} == {None, "Japan", "Xmas2018"}
    assert listing.axie.level == 1  # battleInfo says 0


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("141e+16", 1_410_000_000_000_000_000),
        ("1410000000000000000", 1_410_000_000_000_000_000),
        (1_410_000_000_000_000_000, 1_410_000_000_000_000_000),
        (123456789012345678901, 123456789012345678901),
        ("7", 7),
        ("5.0", 5),
    ],
)
def test_prices_are_exact_however_they_are_written(written: Any, amount: int) -> None:
    assert one(basePrice=written).base == amount


BAD_ORDERS: list[tuple[str, str, Any]] = [
    ("price not above zero", "basePrice", "0"),
    ("price not above zero", "basePrice", "-5"),
    ("price not above zero", "basePrice", "NaN"),
    ("price not above zero", "basePrice", "Infinity"),
    ("absurd price", "basePrice", "1e+31"),
    ("absurd price", "basePrice", "1e+999999999"),
    ("price not whole", "basePrice", "1.5"),
    ("price not whole", "basePrice", "1e-999999999"),
    ("wrong type", "basePrice", "a lot"),
    ("wrong type", "basePrice", None),
    ("wrong type", "basePrice", [1]),
    ("unknown payment token", "paymentToken", "0x0000000000000000000000000000000000000000"),
    ("wrong type", "paymentToken", 7),
    ("not a sell order", "kind", "Offer"),
    ("unknown value", "status", "Melted"),
    ("timestamp 0", "startedAt", 0),
    ("time out of range", "startedAt", 1),
    ("time out of range", "startedAt", -5),
    ("time out of range", "startedAt", START * 1000),
    ("time out of range", "startedAt", 10**18),
    ("wrong type", "startedAt", "soon"),
    ("out of range", "hash", ""),
]


@pytest.mark.parametrize(("reason", "field", "value"), BAD_ORDERS)
def test_a_bad_order_is_set_aside_by_name_and_its_page_goes_on(reason: str, field: str, value: Any) -> None:
    read = page(axie_row(1), axie_row(2, order=order_row(**{field: value})), axie_row(3))
    assert [listing.axie.id for listing in read.rows] == [1, 3]
    (rejected,) = read.rejected
    assert (rejected.reason, rejected.field, rejected.axie_id) == (reason, f"order.{field}", 2)
    assert 0 < len(rejected.excerpt) <= 300
    assert read.seen == 3


@pytest.mark.parametrize(
    ("reason", "field", "changes"),
    [
        ("egg or not grown up", "stage", {"stage": 1, "class": None, "parts": [], "title": None}),
        ("egg or not grown up", "stage", {"stage": 3}),
        ("egg or not grown up", "stage", {"class": None}),
        ("egg or not grown up", "stage", {"parts": axie_row()["parts"][:5]}),
        ("missing part", "parts", {"parts": [axie_row()["parts"][0]] * 6}),
        ("unknown value", "parts.type", {"parts": [p | {"type": "Wings"} for p in axie_row()["parts"]]}),
        ("unknown value", "class", {"class": "Dragon"}),
        ("out of range", "breedCount", {"breedCount": 8}),
        ("wrong type", "breedCount", {"breedCount": "many"}),
        ("wrong type", "parts", {"parts": None}),
    ],
)
def test_a_bad_axie_is_set_aside_by_name(reason: str, field: str, changes: dict[str, Any]) -> None:
    read = page(axie_row(1, **changes), axie_row(2))
    assert [listing.axie.id for listing in read.rows] == [2]
    (rejected,) = read.rejected
    assert (rejected.reason, rejected.field, rejected.axie_id) == (reason, field, 1)
    assert rejected.hash == "ab" * 32


def test_a_missing_field_is_named_with_its_path() -> None:
    row = axie_row()
    del row["order"]["basePrice"]
    (rejected,) = page(row).rejected
    assert (rejected.reason, rejected.field) == ("missing field", "order.basePrice")


def test_a_real_egg_of_an_older_schema_does_not_stop_its_page() -> None:
    egg = json.loads(shared("responses/egg_listing_gen1_2021-07.json").read_text())
    read = page(egg, axie_row(2))
    assert len(read.rows) == 1
    assert read.rejected[0].axie_id == 1993383


@pytest.mark.parametrize("row", [None, 7, "row", [], {}, {"id": []}, {"id": "x", "order": 3}])
def test_what_is_no_row_at_all_is_set_aside(row: Any) -> None:
    read = page(row, axie_row(2))
    assert len(read.rows) == len(read.rejected) == 1
    assert read.rejected[0].axie_id is None


def test_an_axie_whose_order_is_null_is_pending_not_bad() -> None:
    read = page(axie_row(1, order=None), axie_row(2))
    assert read.pending == (1,)
    assert read.rejected == ()
    assert read.seen == 2


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"purity": "high"}, "purity"),
        ({"purity": 4000}, "purity"),
        ({"stats": {"hp": 41}}, "stats"),
        ({"stats": "strong"}, "stats"),
        ({"axpInfo": {"level": [1]}}, "axpInfo"),
        ({"battleInfo": 3}, "battleInfo"),
        ({"image": 5}, "image"),
        ({"birthDate": "long ago"}, "birthDate"),
        ({"order": order_row(marketFeePercentage="some")}, "order.marketFeePercentage"),
        ({"order": order_row(maker=[])}, "order.maker"),
    ],
)
def test_an_optional_value_without_sense_is_left_out_and_the_listing_kept(
    changes: dict[str, Any], name: str
) -> None:
    read = page(axie_row(**changes))
    assert read.rejected == ()
    assert read.unread == (name,)
    assert read.rows[0].base == 1_500_000_000_000_000


def test_prices_stay_exact_where_an_optional_value_had_to_be_left_out() -> None:
    read = page(axie_row(purity="high", stats=1, order=order_row(basePrice=123456789012345678901)))
    assert read.rows[0].base == 123456789012345678901
    assert sorted(read.unread) == ["purity", "stats"]


def test_fields_that_drifted_away_are_made_up_for_by_the_genes() -> None:
    path = shared("responses/axie_detail_22568_order_2022-11.json")
    row = json.loads(path.read_text())["data"]["axie"]
    row["order"]["status"] = "Open"
    for part in row["parts"]:
        del part["specialGenes"], part["stage"]
    axie = page(row).rows[0].axie
    assert [part.special for part in axie.parts] == [None, "Xmas2018", None, None, "Japan", None]
    assert axie.purity == 16


def test_numbers_that_arrive_as_text_are_numbers() -> None:
    listing = one(startedAt=str(START - 60), marketFeePercentage="425")
    assert listing.started_at == NOW - timedelta(minutes=1)


@pytest.mark.parametrize("data", [None, {}, {"axies": None}, {"axies": {"results": None}}, [], 3, "x"])
def test_an_answer_of_another_shape_is_malformed(data: Any) -> None:
    with pytest.raises(MalformedAnswer):
        decode.listings(raw(data), SEEN)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
paths = st.sampled_from(
    [("order", name) for name in order_row()] + [(name,) for name in axie_row()] + [("parts", 2)]
)


@settings(max_examples=300)
@given(st.lists(st.tuples(paths, json_values), max_size=3))
def test_no_value_anywhere_stops_a_page(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    row: Any = axie_row(1)
    for path, value in changes:
        with suppress(TypeError, IndexError):  # an earlier change took the place away
            holder = row
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = value
    read = page(row, axie_row(2))
    assert read.seen == 2
    assert read.rows[-1].axie.id == 2
    assert len(read.rows) + len(read.rejected) + len(read.pending) == 2


def test_a_full_page_is_decoded_in_less_than_five_milliseconds() -> None:
    data = raw(axies_data(*(axie_row(i, order=order_row(f"{i:064x}")) for i in range(100))))
    best = float("inf")
    for _ in range(20):
        began = time.thread_time()
        assert len(decode.listings(data, SEEN).rows) == 100
        best = min(best, time.thread_time() - began)
    assert best < 0.005


@pytest.mark.parametrize(("field", "value"), [("stage", None), ("stage", 99), ("specialGenes", 7)])
def test_what_a_part_does_not_need_is_left_out_of_it_and_the_axie_kept(field: str, value: Any) -> None:
    row = axie_row()
    row["parts"][2][field] = value
    read = page(row)
    assert read.rejected == ()
    assert [part.slot for part in read.rows[0].axie.parts] == list(Slot)


def test_a_fee_that_leaves_the_seller_nothing_makes_a_listing_unusable() -> None:
    assert one(marketFeePercentage=9_999).fee_bps == 9_999
    (listing,) = page(axie_row(order=order_row(marketFeePercentage=10_000))).rows
    assert listing.fee_bps == 425
