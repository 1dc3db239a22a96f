import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.appraisal.keys import KINDS, keys
from pipeline.appraisal.memory import DAY, MEMORY_S, NEWEST, NONE
from pipeline.appraisal.state import FORGET_S, MarketState, Sold
from pipeline.appraisal.subject import AskEvent, SaleEvent, Subject
from pipeline.appraisal.view import LEVEL
from tests.pipeline.appraisal.history import NOISE, START, builds, events

PARTS = ("eyes-a", "ears-a", "mouth-a", "horn-a", "back-a", "tail-a")
PLAIN = Subject(1, "Beast", PARTS, 2, pure_parts=4.0)


def sold(price: float, at: float = START, subject: Subject = PLAIN) -> SaleEvent:
    return SaleEvent(subject, at, price)


def comparables(state: MarketState, most: int) -> list[Sold]:
    (rows,) = state.look([PLAIN], START).listed
    return state.comparables(PLAIN.axie_id, rows, most)


def test_comparables_of_a_build_come_close_to_its_price_in_a_drifting_market() -> None:
    state = MarketState()
    sales = events(4000, drift_a_day=-0.05)
    state.replay(sales)
    now = sales[-1].at
    drift = -0.05 * (now - START) / DAY
    errors = [
        state.level + state.expected(subject, now) - (value + drift) for subject, value in builds()[:10]
    ]
    assert math.sqrt(sum(error**2 for error in errors) / len(errors)) < NOISE / 2


def test_the_level_follows_the_market_and_faster_over_shorter_horizons() -> None:
    state = MarketState()
    state.replay(events(3000))
    settled = state.level
    shifted = [
        replace(sale, at=sale.at + 3000 * 360, price_usd=sale.price_usd * 2) for sale in events(60, seed=1)
    ]
    state.replay(shifted)
    assert settled + 0.25 < state.level < settled + math.log(2) + 0.1
    assert state.levels[0] > state.levels[LEVEL] > state.levels[3] > state.levels[4]


def test_an_absurd_price_hardly_moves_the_level() -> None:
    state = MarketState()
    state.replay(events(2000))
    before = state.level
    state.observe(sold(1e6, START + 2000 * 360))
    assert abs(state.level - before) < 0.05


def test_nothing_is_known_of_what_was_never_sold() -> None:
    state = MarketState()
    assert state.weight(PLAIN, "build", START) == 0.0
    assert state.expected(PLAIN, START) == 0.0
    assert comparables(state, 5) == []
    assert math.isnan(state.look([PLAIN], START).own[0, 1])


def test_the_newest_sales_of_a_build_are_comparables_and_fade() -> None:
    state = MarketState()
    for day in range(NEWEST + 3):
        state.observe(sold(2.0 + day, START + day * DAY, replace(PLAIN, axie_id=100 + day)))
    found = comparables(state, 3)
    assert [round(sale.price_usd, 6) for sale in found] == [NEWEST + 4.0, NEWEST + 3.0, NEWEST + 2.0]
    assert {sale.likeness for sale in found} == {"same build and breeds"}
    now = START + (NEWEST + 3) * DAY
    weight = state.weight(PLAIN, "build", now)
    assert state.weight(PLAIN, "build", now + MEMORY_S) == pytest.approx(weight / math.e)


def test_closer_comparables_come_first_and_none_twice() -> None:
    state = MarketState()
    other = tuple("eyes-z" if index == 0 else part for index, part in enumerate(PARTS))
    state.observe(sold(3.0, START, replace(PLAIN, axie_id=2, parts=other)))
    state.observe(sold(4.0, START - DAY, replace(PLAIN, axie_id=3, breed_count=5)))
    state.observe(sold(5.0, START - 2 * DAY))
    found = comparables(state, 9)
    assert [(sale.axie_id, sale.likeness) for sale in found] == [
        (1, "this very axie"),
        (3, "same build"),
        (2, "same battle parts and breeds"),
    ]


def test_collectibles_and_common_axies_are_never_comparable() -> None:
    mystic = replace(PLAIN, collection="mystic")
    common, rare = keys([PLAIN, mystic]).tolist()
    assert not set(common) & set(rare)
    state = MarketState()
    state.replay([sold(2500.0, START + i, mystic) for i in range(50)])
    assert state.weight(PLAIN, "class", START + 50) == 0.0


def test_kinds_of_keys_never_collide() -> None:
    for subject in (PLAIN, replace(PLAIN, collection="summer"), replace(PLAIN, pure_parts=math.nan)):
        found = [key for key in keys([subject])[0].tolist() if key != NONE]
        assert len(set(found)) == len(found) == len(KINDS) - (not subject.collection)


def test_what_is_old_is_forgotten() -> None:
    state = MarketState()
    state.observe(sold(2.0))
    other = replace(PLAIN, axie_id=2, class_="Plant", parts=tuple(f"{part}x" for part in PARTS))
    state.observe(sold(2.0, START + FORGET_S, other))
    state.forget(START + 1)
    assert state.weight(PLAIN, "build", START) == 0.0
    view = state.look([PLAIN, other], START + FORGET_S)
    assert np.isnan(view.own[:, 1]).tolist() == [True, False]
    assert state.weight(other, "build", START + FORGET_S) == 1.0


def test_a_sold_axie_no_longer_stands_for_sale() -> None:
    state = MarketState()
    like = replace(PLAIN, axie_id=2)
    state.observe(AskEvent(like, START, 3.0, "somebody"))
    assert state.look([PLAIN], START).standing[0, 0] == pytest.approx(math.log(3.0))
    state.observe(sold(3.0, START + 60, like))
    assert math.isnan(state.look([PLAIN], START + 60).standing[0, 0])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 5))
def test_a_stored_state_goes_on_exactly_like_the_one_it_was_made_from(
    first: int, then: int, seed: int
) -> None:
    sales = events(first + then, seed=seed)
    state = MarketState()
    state.replay(sales[:first])
    copy = MarketState.restore(state.dump())
    state.replay(sales[first:])
    copy.replay(sales[first:])
    assert copy.dump() == state.dump()


@pytest.mark.parametrize("data", [b"", b"not a state", b"\x93\x01\x02\x03"])
def test_bytes_that_are_no_state_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="state"):
        MarketState.restore(data)


def test_a_late_sale_of_an_axie_does_not_hide_its_newer_one() -> None:
    state = MarketState()
    state.observe(sold(10.0, START + DAY))
    newest = state.look([PLAIN], START + DAY).own.tolist()
    state.observe(sold(99.0, START))
    assert state.look([PLAIN], START + DAY).own.tolist() == newest
