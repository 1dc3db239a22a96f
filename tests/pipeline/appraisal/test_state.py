import math
import random
from collections import deque
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.appraisal.state import DAY, FORGET_S, LEVEL, MEMORY_S, RECENT, MarketState, Memory, keys
from pipeline.appraisal.subject import SaleEvent, Subject
from tests.pipeline.appraisal.history import NOISE, START, builds, events

PARTS = ("eyes-a", "ears-a", "mouth-a", "horn-a", "back-a", "tail-a")
PLAIN = Subject(1, "Beast", PARTS, 2, pure_parts=4.0)


def sold(price: float, at: float = START, subject: Subject = PLAIN) -> SaleEvent:
    return SaleEvent(subject, at, price)


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
    assert state.levels[0] > state.levels[LEVEL] > state.levels[2] > state.levels[3]


def test_an_absurd_price_hardly_moves_the_level() -> None:
    state = MarketState()
    state.replay(events(2000))
    before = state.level
    state.observe(sold(1e6, START + 2000 * 360))
    assert abs(state.level - before) < 0.05


def test_nothing_is_known_of_what_was_never_sold() -> None:
    state = MarketState()
    look = state.look(keys(PLAIN)["build"], START)
    assert math.isnan(look.mean)
    assert look.weight == 0.0
    assert state.own(PLAIN.axie_id) is None
    assert state.expected(PLAIN, START) == 0.0


def test_the_latest_sales_of_a_build_are_kept_and_fade() -> None:
    state = MarketState()
    for day in range(9):
        state.observe(sold(2.0 + day, START + day * DAY, replace(PLAIN, axie_id=day)))
    look = state.look(keys(PLAIN)["build"], START + 9 * DAY)
    assert [price for *_, price in look.recent] == [5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    assert look.age_s == DAY
    later = state.look(keys(PLAIN)["build"], START + 9 * DAY + MEMORY_S)
    assert later.weight == pytest.approx(look.weight / math.e)


def test_collectibles_and_common_axies_are_never_comparable() -> None:
    mystic = replace(PLAIN, collection="mystic")
    assert not set(keys(mystic).values()) & set(keys(PLAIN).values())
    state = MarketState()
    state.replay([sold(2500.0, START + i, mystic) for i in range(50)])
    assert state.look(keys(PLAIN)["class"], START + 50).weight == 0.0


def test_kinds_of_keys_never_collide() -> None:
    for subject in (PLAIN, replace(PLAIN, collection="summer"), replace(PLAIN, pure_parts=math.nan)):
        found = keys(subject)
        assert len(set(found.values())) == len(found)


def test_what_is_old_is_forgotten() -> None:
    state = MarketState()
    state.observe(sold(2.0))
    other = replace(PLAIN, axie_id=2, class_="Plant", parts=tuple(f"{part}x" for part in PARTS))
    state.observe(sold(2.0, START + FORGET_S, other))
    state.forget(START + 1)
    assert state.look(keys(PLAIN)["build"], START).weight == 0.0
    assert state.own(1) is None
    assert state.look(keys(other)["build"], START + FORGET_S).weight == 1.0


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


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(-2, 2)), min_size=1, max_size=12), st.randoms())
def test_sales_that_come_late_leave_the_same_memory_as_in_order(
    sales: list[tuple[int, float]], shuffle: random.Random
) -> None:
    def remembered(order: list[tuple[int, tuple[int, float]]]) -> Memory:
        first = START + order[0][1][0] * DAY
        memory = Memory(0.0, 0.0, 0.0, first, deque(maxlen=RECENT))
        for axie_id, (day, relative) in order:
            memory.add(START + day * DAY, relative, axie_id, 1.0)
        return memory

    numbered = sorted(enumerate(sales), key=lambda sale: (sale[1][0], sale[1][1], sale[0]))
    late = numbered.copy()
    shuffle.shuffle(late)
    one, other = remembered(numbered), remembered(late)
    assert other.at == one.at
    assert other.weight == pytest.approx(one.weight)
    assert other.total == pytest.approx(one.total, abs=1e-9)
    assert [sale[0] for sale in other.recent] == [sale[0] for sale in one.recent]


def test_a_late_sale_of_an_axie_does_not_hide_its_newer_one() -> None:
    state = MarketState()
    state.observe(sold(10.0, START + DAY))
    newest = state.own(PLAIN.axie_id)
    state.observe(sold(99.0, START))
    assert state.own(PLAIN.axie_id) == newest
