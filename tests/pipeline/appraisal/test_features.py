import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.appraisal.features import NAMES, features
from pipeline.appraisal.memory import DAY
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import (
    CATEGORIES,
    AskEvent,
    Event,
    SaleEvent,
    Subject,
    from_axie,
    from_table,
)
from pipeline.market.genes import inherited
from pipeline.market.values import AxieClass, Part, Slot
from tests.bot.factories import make_axie
from tests.pipeline.appraisal.history import START, builds, events, mixed, table


def priced(event: Event, usd: float) -> Event:
    """The same event at another price."""
    return replace(event, price_usd=usd) if isinstance(event, SaleEvent) else replace(event, ask_usd=usd)


@pytest.fixture(scope="module")
def state() -> MarketState:
    state = MarketState()
    state.replay(events(1500))
    return state


def looked(state: MarketState, subject: Subject, at: float) -> np.ndarray:
    return features(state.look([subject], at), [subject])[0]


def value(row: np.ndarray, name: str) -> float:
    return float(row[NAMES.index(name)])


def test_every_feature_has_a_name_of_its_own(state: MarketState) -> None:
    subject, _ = builds()[0]
    assert len(looked(state, subject, state.at)) == len(NAMES) == len(set(NAMES))
    assert NAMES[: len(CATEGORIES)] == CATEGORIES


def test_an_unknown_subject_has_features_too(state: MarketState) -> None:
    strange = from_axie(make_axie(class_=AxieClass.DUSK))
    row = looked(state, strange, state.at)
    assert math.isnan(value(row, "build_mean"))
    assert math.isnan(value(row, "class"))
    assert value(row, "breed_count") == strange.breed_count


def test_looking_changes_nothing(state: MarketState) -> None:
    before = state.dump()
    looked(state, builds()[0][0], state.at + 3600)
    assert state.dump() == before


def blocks(events: list[Event]) -> np.ndarray:
    """Features of each event as training makes them."""
    state = MarketState()
    return np.concatenate(
        [features(view, [event.subject for event in taken]) for taken, view in state.walk(events)]
    )


@settings(max_examples=15, deadline=None)
@given(
    st.integers(20, 200),
    st.sampled_from(["price", "gone", "more"]),
    st.floats(0.01, 1e6),
)
def test_no_feature_depends_on_its_own_price_or_on_what_came_later(
    index: int, change: str, price: float
) -> None:
    sales: list[Event] = [*mixed(220)]
    later = list(sales)
    match change:
        case "price":
            later[index:] = [priced(event, price) for event in later[index:]]
        case "gone":
            del later[index + 1 :: 2]
        case "more":
            later[index + 1 : index + 1] = [priced(event, price) for event in later[index + 1 : index + 9]]
    np.testing.assert_array_equal(blocks(sales)[: index + 1], blocks(later)[: index + 1])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_training_sees_bit_for_bit_what_serving_would_have_seen(seed: int) -> None:
    history = mixed(150, seed)
    replayed = blocks(history)
    state = MarketState()
    for index, event in enumerate(history):
        if isinstance(event, AskEvent):  # an ask stands in the book before it is priced
            state.observe(event)
        np.testing.assert_array_equal(looked(state, event.subject, event.at), replayed[index])
        if isinstance(event, SaleEvent):
            state.observe(event)


def test_a_page_of_listings_has_the_features_of_each_of_them_alone(state: MarketState) -> None:
    subjects = [subject for subject, _ in builds()]
    page = features(state.look(subjects, state.at), subjects)
    for index, subject in enumerate(subjects):
        np.testing.assert_array_equal(page[index], looked(state, subject, state.at))


def test_a_table_row_and_the_listed_axie_give_the_same_subject() -> None:
    special = {Slot.HORN: "Mystic", Slot.TAIL: "Japan"}
    parts = tuple(Part(f"{slot}-x", slot, AxieClass.BEAST, 2, special.get(slot)) for slot in Slot)
    genes = f"{random.Random(4).getrandbits(512):x}"
    axie = make_axie(parts=parts, title="", breed_count=3, genes=genes)
    assert axie.stats is not None
    frame = table(events(1)).assign(
        axie_id=axie.id, **{"class": "Beast"}, breed_count=3, pure_parts=6, purity=axie.purity,
        level=axie.level, hp=axie.stats.hp, speed=axie.stats.speed, skill=axie.stats.skill,
        morale=axie.stats.morale, evolved_parts=6, title="",
        special_genes="|||Mystic||Japan", genes=genes, **{slot.value: f"{slot}-x" for slot in Slot},
    )  # fmt: skip
    (event,) = from_table(frame)
    assert event.subject == from_axie(axie)
    assert event.subject.collection == "mystic"
    assert event.subject.body_skin == inherited(genes).body_skin > 0


@pytest.mark.parametrize("genes", [None, "", "0x0", "nonsense"])
def test_genes_that_cannot_be_read_are_unknown(genes: str | None) -> None:
    assert math.isnan(from_axie(make_axie(genes=genes)).first_alike)


def test_a_table_tells_the_rates_that_its_sales_were_paid_at_and_what_breeding_cost() -> None:
    frame = table(events(6)).assign(
        price_usd=[30.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        payment_token=["WETH", "SLP", None, "BTC", "AXS", "USDC"],
        price_raw=["10000000000000000", "2000", "1", "1", "many", "8000000"],
        breed_count=[0, 1, 1, 2, 7, 1],
        breeding_cost_usd_2=[9.0, 9.5, math.nan, 9.7, 9.7, 0.0],
    )
    assert [list(event.quotes) for event in from_table(frame)] == [
        [("WETH", 3000.0)],
        [("breeding_cost_usd_2", 9.5), ("SLP", 0.002)],
        [],
        [],
        [],
        [("USDC", 1.0)],
    ]


def told(*quotes: tuple[float, str, float]) -> MarketState:
    """A state after sales at some days, each of which tells a price."""
    state, (subject, _) = MarketState(), builds()[0]
    for day, name, usd in quotes:
        state.observe(SaleEvent(subject, START + day * DAY, 5.0, [(name, usd)]))
    return state


def moved(state: MarketState, what: str, day: float, breed_count: int = 1) -> float:
    subject = replace(builds()[0][0], breed_count=breed_count)
    return value(looked(state, subject, START + day * DAY), f"moved_{what}")


def test_the_moves_of_other_prices_fade_and_end_by_being_unknown() -> None:
    second = 1 / DAY
    state = told((0, "WETH", 2000.0), (second, "WETH", 2200.0), (second, "breeding_cost_usd_2", 9.0))
    state.observe(SaleEvent(builds()[0][0], START + 2.0, 5.0, [("breeding_cost_usd_2", 8.0)]))
    assert moved(state, "WETH", second) == pytest.approx(math.log(1.1), rel=1e-4)
    assert moved(state, "WETH", 4) == pytest.approx(math.log(1.1) / math.e, rel=1e-4)
    assert moved(state, "breeding", 4) == pytest.approx(math.log(8 / 9) / math.e, rel=1e-4)
    assert math.isnan(moved(state, "AXS", 4))
    assert math.isnan(moved(state, "breeding", 4, breed_count=7))
    assert math.isnan(moved(state, "WETH", 9))


def test_a_price_that_comes_late_tells_nothing_new() -> None:
    known = [(0.0, "WETH", 2000.0), (1.0, "WETH", 2200.0)]
    assert moved(told(*known, (0.5, "WETH", 1.0)), "WETH", 2) == moved(told(*known), "WETH", 2)


def test_a_price_that_is_told_by_mistake_moves_nothing() -> None:
    right = [(hour / 24, "WETH", 2000.0 + hour) for hour in range(48)]
    wrong = [*right[:20], (20 / 24, "WETH", 2e-9), *right[21:]]
    assert moved(told(*wrong), "WETH", 3) == pytest.approx(moved(told(*right), "WETH", 3), abs=2e-3)


def test_moves_depend_little_on_how_often_a_price_is_told() -> None:
    hourly = [(hour / 24, "WETH", 2000.0 * math.exp(0.001 * hour)) for hour in range(97)]
    often, seldom = (moved(told(*hourly[::step]), "WETH", 4) for step in (1, 96))
    assert seldom == pytest.approx(often, rel=0.02)


def test_a_weekday_is_where_it_was_a_week_ago(state: MarketState) -> None:
    subject, week = builds()[0][0], 7 * 86_400.0
    names = ("weekday_sin", "weekday_cos", "hour_sin", "hour_cos")
    now, then, yesterday = (
        [value(looked(state, subject, state.at + away), name) for name in names]
        for away in (0.0, week, -week / 7)
    )
    assert now == pytest.approx(then, abs=1e-6)
    assert now[2:] == pytest.approx(yesterday[2:], abs=1e-6)
    assert now[:2] != pytest.approx(yesterday[:2], abs=1e-2)


def test_a_table_without_the_optional_columns_gives_unknowns() -> None:
    frame = table(events(2)).drop(columns="pure_parts")
    subject = next(from_table(frame)).subject
    assert math.isnan(subject.purity)
    assert math.isnan(subject.pure_parts)
    assert math.isnan(subject.special_parts)
    assert subject.collection == ""


def test_times_of_any_resolution_are_read_as_seconds() -> None:
    sales = events(3)
    for unit in ("s", "ms", "us", "ns"):
        frame = table(sales)
        frame["sold_at"] = frame["sold_at"].astype(f"datetime64[{unit}, UTC]")
        assert [event.at for event in from_table(frame)] == [sale.at for sale in sales]
