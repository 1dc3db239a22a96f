"""Many rules at once give what each rule gives by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, OrderStatus, Part, Slot, Token
from pipeline.matching import Matcher
from pipeline.signal import Filters, Thresholds, refusal
from tests.bot.factories import NOON, make_axie, make_listing, make_prediction

SMALL = st.integers(0, 4)
SHARES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
SPECIAL = st.sampled_from([None, "Mystic", "SummerShiny2022", "Nightmare"])
PARTS = ("tail-carrot", "tail-koi", "horn-cactus")


def perhaps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def some(values: Any) -> st.SearchStrategy[Any]:
    return st.lists(st.sampled_from(list(values)), max_size=2, unique=True).map(tuple)


thresholds = st.builds(
    Thresholds,
    min_net_usd=st.floats(0, 4),
    min_return=SHARES,
    min_probability=SHARES,
    min_sell_chance=SHARES,
)
filters = st.builds(
    Filters,
    classes=some(AxieClass),
    collections=some(Collection),
    parts=some(PARTS),
    min_breed_count=perhaps(SMALL),
    max_breed_count=perhaps(SMALL),
    min_purity=perhaps(SMALL),
    min_level=perhaps(SMALL),
    min_price_usd=perhaps(SMALL),
    max_price_usd=perhaps(SMALL),
    max_age_s=perhaps(SMALL),
    tokens=some(Token),
)


@st.composite
def listings(draw: st.DrawFn) -> Any:
    worn = draw(some(PARTS))
    axie = make_axie(
        class_=draw(st.sampled_from(list(AxieClass))),
        parts=tuple(Part(id_, Slot.TAIL, AxieClass.PLANT, special=draw(SPECIAL)) for id_ in worn),
        breed_count=draw(SMALL),
        purity=draw(perhaps(SMALL)),
        level=draw(perhaps(SMALL)),
        title=draw(st.sampled_from(["", "Origin", "MEO Corp"])),
        banned=draw(st.sampled_from([False, False, False, True])),
    )
    listing = make_listing(
        axie=axie,
        token=draw(st.sampled_from(list(Token))),
        started_at=NOON - timedelta(seconds=draw(SMALL)),
        status=draw(st.sampled_from([OrderStatus.OPEN, OrderStatus.OPEN, OrderStatus.CANCELLED])),
    )
    return listing, make_prediction(
        listing,
        ask_usd=float(draw(SMALL)),
        net_usd=draw(st.floats(-1, 4)),
        return_=draw(SHARES),
        probability=draw(SHARES),
        sell_chance=draw(perhaps(SHARES)),
    )


@given(st.lists(st.tuples(thresholds, filters), max_size=12), listings())
def test_a_listing_is_a_signal_for_exactly_the_rules_that_do_not_refuse_it(rules: Any, priced: Any) -> None:
    listing, prediction = priced
    one_by_one = [
        number
        for number, (least, wanted) in enumerate(rules)
        if refusal(least, wanted, listing, prediction, NOON) is None
    ]
    assert Matcher(rules).matching(listing, prediction, NOON) == one_by_one


@pytest.mark.parametrize("token", list(Token))
def test_a_rule_may_be_about_what_is_asked_for_in_one_token(token: Token) -> None:
    listing = make_listing(token=Token.USDC)
    wanted = Filters(tokens=(token,))
    found = Matcher([(Thresholds(), wanted)]).matching(listing, make_prediction(listing), NOON)
    assert found == ([0] if token is Token.USDC else [])
