"""Outcomes of listings: sold ones with when, unsold ones with how long they had been for sale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.datasets import Damaged, record_keys, write_records
from pipeline.labels import ListingOutcome, listing_outcomes
from pipeline.market.values import Listing, OrderStatus, Resolution, Sale, Token
from pipeline.objects import LocalStore
from tests.pipeline.market_data import NOW, RATES, axie, listing, wallet

HOUR = timedelta(hours=1)
BEGAN = NOW - timedelta(days=2)
OPEN, SOLD = OrderStatus.OPEN, OrderStatus.MATCHED


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    made = LocalStore(tmp_path)
    write_records(made, "rates", "first", [replace(RATES, at=NOW - timedelta(days=9))])
    return made


def offer(number: int = 1, **changes: object) -> Listing:
    values: dict[str, object] = {
        "of": axie(number), "seller": wallet(number), "token": Token.USDC, "base": 3_000_000,
        "started_at": BEGAN, "seen_at": BEGAN + timedelta(minutes=1),
    } | changes  # fmt: skip
    return listing(number, **values)  # type: ignore[arg-type]


def bought(of: Listing, at: datetime, number: int = 1, **changes: object) -> Sale:
    values: dict[str, object] = {
        "id": f"sale-{number}", "axie": of.axie, "sold_at": at, "amount": of.ask(at).amount,
        "seller": of.seller, "buyer": wallet(777_000 + number),
    } | changes  # fmt: skip
    return Sale(**values)  # type: ignore[arg-type]


def told(
    store: LocalStore, listings: list[Listing], answers: list[Resolution], sales: Sequence[Sale] = ()
) -> list[ListingOutcome]:
    write_records(store, "listings", "run", listings)
    write_records(store, "resolutions", "run", answers)
    write_records(store, "sales", "run", sales)
    return listing_outcomes(store)


def only(found: list[ListingOutcome]) -> ListingOutcome:
    assert len(found) == 1
    return found[0]


def test_a_sale_in_the_feed_dates_the_outcome_exactly(store: LocalStore) -> None:
    one = offer()
    at = BEGAN + 5 * HOUR
    answers = [Resolution(one.hash, OPEN, BEGAN + 2 * HOUR), Resolution(one.hash, SOLD, BEGAN + 9 * HOUR)]
    outcome = only(told(store, [one], answers, [bought(one, at)]))
    assert (outcome.sold, outcome.exact, outcome.sold_by, outcome.open_until) == (True, True, at, at)
    assert (outcome.ask_usd, outcome.status, outcome.axie) == (3.0, SOLD, one.axie)
    assert (outcome.started_at, outcome.seen_at, outcome.is_auction) == (BEGAN, one.seen_at, False)


def test_a_sale_that_the_feed_missed_lies_between_two_questions(store: LocalStore) -> None:
    one = offer()
    answers = [
        Resolution(one.hash, status, BEGAN + hours * HOUR)
        for hours, status in ((17, SOLD), (1, OPEN), (8, OPEN), (25, SOLD))
    ]
    outcome = only(told(store, [one], answers))
    assert (outcome.open_until, outcome.sold_by) == (BEGAN + 8 * HOUR, BEGAN + 17 * HOUR)
    assert not outcome.exact


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.INVALID_TRANSFERRED])
def test_a_withdrawn_listing_is_censored_when_last_seen_open(store: LocalStore, status: OrderStatus) -> None:
    one = offer()
    answers = [Resolution(one.hash, OPEN, BEGAN + 3 * HOUR), Resolution(one.hash, status, BEGAN + 6 * HOUR)]
    outcome = only(told(store, [one], answers))
    assert (outcome.sold, outcome.open_until, outcome.status) == (False, BEGAN + 3 * HOUR, status)


def test_an_expired_listing_stood_to_its_end_whenever_that_was_learnt(store: LocalStore) -> None:
    one = offer(expires_at=BEGAN + 20 * HOUR)
    outcome = only(told(store, [one], [Resolution(one.hash, OrderStatus.EXPIRED, NOW)]))
    assert (outcome.sold, outcome.open_until) == (False, BEGAN + 20 * HOUR)


def test_a_listing_never_asked_about_is_censored_when_it_was_seen(store: LocalStore) -> None:
    outcome = only(told(store, [offer()], []))
    assert (outcome.sold, outcome.open_until, outcome.status) == (False, outcome.seen_at, OPEN)


def test_being_seen_again_in_the_book_counts_as_being_open(store: LocalStore) -> None:
    one = offer()
    again = replace(one, seen_at=BEGAN + 30 * HOUR)
    outcome = only(told(store, [again, one], []))
    assert (outcome.seen_at, outcome.open_until) == (one.seen_at, again.seen_at)


def test_a_sale_that_contradicts_what_became_of_the_order_is_not_its(store: LocalStore) -> None:
    first, second = offer(1), offer(2, of=axie(1), seller=wallet(1), started_at=BEGAN + 9 * HOUR,
                                    seen_at=BEGAN + 9 * HOUR)  # fmt: skip
    answers = [Resolution(second.hash, OrderStatus.CANCELLED, BEGAN + 40 * HOUR)]
    sold = bought(first, BEGAN + 10 * HOUR)
    found = {outcome.hash: outcome for outcome in told(store, [first, second], answers, [sold])}
    assert found[first.hash].sold_by == sold.sold_at
    assert not found[second.hash].sold


def test_only_young_ones_unless_the_whole_book_is_wanted(store: LocalStore) -> None:
    old = offer(2, started_at=NOW - timedelta(days=40))
    assert [row.hash for row in told(store, [offer(1), old], [])] == [offer(1).hash]
    assert len(listing_outcomes(store, youngest=None)) == 2
    assert listing_outcomes(store, since=NOW) == []


def test_trades_with_oneself_banned_axies_and_tokens_without_a_rate_are_left_out(store: LocalStore) -> None:
    selfish, banned, foreign = offer(1), offer(2, of=axie(2, banned=True)), offer(3, token=Token.SLP)
    rates = replace(RATES, at=NOW - timedelta(days=8), usd={Token.USDC: 1.0, Token.WETH: 3000.0})
    write_records(store, "rates", "second", [rates])
    sale = bought(selfish, BEGAN + HOUR, buyer=selfish.seller)
    assert told(store, [selfish, banned, foreign], [Resolution(selfish.hash, SOLD, NOW)], [sale]) == []


def test_an_auction_asks_what_it_asked_when_it_was_seen(store: LocalStore) -> None:
    one = offer(ended=1_000_000, ended_at=BEGAN + 10 * HOUR, seen_at=BEGAN + 5 * HOUR)
    outcome = only(told(store, [one], []))
    assert (outcome.is_auction, outcome.ask_usd) == (True, 2.0)


def test_a_damaged_file_costs_its_rows_and_is_named(store: LocalStore) -> None:
    told(store, [offer()], [])
    key = record_keys(store, "listings")[0]
    store.put(key, store.get(key)[:-3])
    damaged: list[Damaged] = []
    assert listing_outcomes(store, damaged=damaged) == []
    assert [item.key for item in damaged] == [key]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    end=st.integers(2, 2_000),
    kind=st.sampled_from([SOLD, OrderStatus.CANCELLED, None]),
    asked=st.lists(st.integers(2, 2_400), max_size=6),
    in_feed=st.booleans(),
)
def test_whenever_one_asks_the_truth_lies_within_what_is_said(
    end: int, kind: OrderStatus | None, asked: list[int], in_feed: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    store = LocalStore(tmp_path_factory.mktemp("asked"))
    write_records(store, "rates", "first", [replace(RATES, at=BEGAN)])
    one, ended = offer(), BEGAN + timedelta(minutes=end)
    answers = []
    for minute in asked:
        at = BEGAN + timedelta(minutes=minute)
        answers.append(Resolution(one.hash, kind if kind is not None and at >= ended else OPEN, at))
    feed = [bought(one, ended)] if kind is SOLD and in_feed else []
    outcome = only(told(store, [one], answers, feed))
    if outcome.sold_by is not None:
        assert kind is SOLD
        assert outcome.open_until <= ended <= outcome.sold_by
    elif kind is not None:
        assert outcome.open_until <= ended
        assert kind is not SOLD or not any(answer.status is SOLD for answer in answers)
