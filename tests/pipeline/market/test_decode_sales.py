"""What the marketplace says besides pages of listings: sales, single axies, orders and rates."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pipeline.market import decode
from pipeline.market.errors import MalformedAnswer
from pipeline.market.pages import Page
from pipeline.market.values import OrderStatus, Sale, Token
from tests.pipeline.market.rows import (
    NOW,
    SEEN,
    START,
    activity_row,
    axie_row,
    order_row,
    raw,
)


def sales(*rows: Any) -> Page[Sale]:
    return decode.activities(raw({"tokenActivities": list(rows)}), SEEN)


def test_a_sale_is_read_with_its_axie_and_both_sides() -> None:
    (sale,) = sales(activity_row()).rows
    assert sale.id == "0xfeed:22568"
    assert sale.amount == 1_410_000_000_000_000_000
    assert (sale.seller, sale.buyer) == ("0xseller", "0xbuyer")
    assert sale.sold_at == NOW - timedelta(seconds=30)


def test_of_an_accepted_offer_the_maker_is_the_buyer() -> None:
    row = activity_row()
    row["activityDetails"]["orderKind"] = 0
    (sale,) = sales(row).rows
    assert (sale.seller, sale.buyer) == ("0xbuyer", "0xseller")


def test_a_sale_without_a_time_is_set_aside_until_it_has_one() -> None:
    (rejected,) = sales(activity_row(createdAt=0)).rejected
    assert (rejected.reason, rejected.axie_id) == ("timestamp 0", 22568)
    assert len(sales(activity_row()).rows) == 1


@pytest.mark.parametrize("changes", [{"token": None}, {"token": {}}, {"activityDetails": None}])
def test_a_sale_of_something_else_is_set_aside(changes: dict[str, Any]) -> None:
    read = sales(activity_row(7, **changes), activity_row(8))
    assert len(read.rows) == len(read.rejected) == 1
    assert read.rejected[0].axie_id in (None, 22568)  # never the activity's own number


def transfer(timestamp: int, price: str) -> dict[str, Any]:
    return {"from": "0xA", "to": "0xB", "timestamp": timestamp, "txHash": "0xfeed", "withPrice": price}


def test_both_sale_feeds_call_the_same_sale_by_the_same_id() -> None:
    row = axie_row(transferHistory={"results": [transfer(START, "0"), transfer(START - 9, "12e+10")]})
    data = {"settledAuctions": {"axies": {"total": 1, "results": [row]}}}
    (sale,) = decode.settled(raw(data), SEEN).rows
    assert sale.amount == 120_000_000_000
    assert (sale.seller, sale.buyer, sale.sold_at) == ("0xa", "0xb", NOW - timedelta(seconds=9))
    assert sale.id == sales(activity_row()).rows[0].id


def test_settled_axies_without_a_sale_or_its_time_are_set_aside() -> None:
    rows = [
        axie_row(transferHistory={"results": history})
        for history in ([], [transfer(START, "0")], [transfer(0, "5")])
    ]
    read = decode.settled(raw({"settledAuctions": {"axies": {"total": 3, "results": rows}}}), SEEN)
    assert [r.reason for r in read.rejected] == ["no sale details", "no sale details", "timestamp 0"]


def test_details_tell_axies_with_and_without_orders_and_omit_the_unknown() -> None:
    data = {
        "k0": axie_row(1),
        "k1": None,
        "k2": axie_row(3, order=None),
        "k3": axie_row(4, order=order_row(basePrice="0")),
        "k4": axie_row(5, stage=1),
    }
    found, read = decode.details(raw(data), {f"k{i}": i + 1 for i in range(5)}, SEEN)
    assert set(found) == {1, 3, 4}
    assert found[1].listing is not None
    assert found[3].listing is None
    assert found[4].listing is None  # the bad order does not cost the axie
    assert [r.axie_id for r in read.rejected] == [5, 4]


def test_orders_resolve_by_the_hash_that_was_asked_for() -> None:
    data = {
        "k0": {"hash": "A", "status": "Matched"},
        "k1": None,
        "k2": {"hash": "c", "status": "Melted"},
        "k3": {"hash": "d", "status": "InvalidTransferredToken"},
    }
    found, rejected = decode.resolutions(raw(data), {"k0": "a", "k1": "b", "k2": "c", "k3": "d"}, SEEN)
    assert {h: r.status for h, r in found.items()} == {
        "a": OrderStatus.MATCHED,
        "d": OrderStatus.INVALID_TRANSFERRED,
    }
    assert [r.hash for r in rejected] == ["c"]


def exchange(**rates: Any) -> msgspec.Raw:
    told = {"eth": 3000.5, "usdc": 1, "axs": 1.5, "ron": 0.4, "slp": 0.001} | rates
    return raw({"exchangeRate": {name: {"usd": usd} for name, usd in told.items() if usd != "gone"}})


def test_rates_are_dollars_for_a_whole_token_as_of_now() -> None:
    rates = decode.rates(exchange(), SEEN)
    assert rates.at == NOW
    assert rates.usd[Token.WETH] == 3000.5
    assert set(rates.usd) == set(Token)


def test_a_lesser_rate_may_be_missing_but_not_that_of_ether_or_the_dollar() -> None:
    assert Token.SLP not in decode.rates(exchange(slp="gone"), SEEN).usd
    assert Token.AXS not in decode.rates(exchange(axs=-1), SEEN).usd
    for nonsense in ({"usd": None}, {"usd": "dear"}, {}, [], None, 7):
        told = decode.rates(
            raw({"exchangeRate": {"eth": {"usd": 3000}, "usdc": {"usd": 1}, "ron": nonsense}}), SEEN
        )
        assert set(told.usd) == {Token.WETH, Token.USDC}
    for broken in ({"eth": 0}, {"usdc": "gone"}, {"eth": "much"}):
        with pytest.raises(MalformedAnswer):
            decode.rates(exchange(**broken), SEEN)
