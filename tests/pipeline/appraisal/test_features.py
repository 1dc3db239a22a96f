import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.appraisal.features import NAMES, features
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import from_axie, from_table
from pipeline.market.values import AxieClass, Part, Slot
from tests.bot.factories import make_axie
from tests.pipeline.appraisal.history import builds, events, table


@pytest.fixture(scope="module")
def state() -> MarketState:
    state = MarketState()
    state.replay(events(1500))
    return state


def value(row: np.ndarray, name: str) -> float:
    return float(row[NAMES.index(name)])


def test_every_feature_has_a_name_of_its_own(state: MarketState) -> None:
    subject, _ = builds()[0]
    assert len(features(state, subject, state.at)) == len(NAMES) == len(set(NAMES))


def test_an_unknown_subject_has_features_too(state: MarketState) -> None:
    strange = from_axie(make_axie(class_=AxieClass.DUSK))
    row = features(state, strange, state.at)
    assert math.isnan(value(row, "build_mean"))
    assert value(row, "is_dusk") == 1.0


def test_looking_changes_nothing(state: MarketState) -> None:
    before = state.dump()
    features(state, builds()[0][0], state.at + 3600)
    assert state.dump() == before


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 200), st.floats(0.01, 1e6))
def test_a_sale_is_not_among_its_own_features(index: int, price: float) -> None:
    sales = events(201)
    state = MarketState()
    state.replay(sales[:index])
    row = features(state, sales[index].subject, sales[index].at)
    other = MarketState()
    other.replay(sales[:index])
    changed = replace(sales[index], price_usd=price)
    np.testing.assert_array_equal(row, features(other, changed.subject, changed.at))


def test_a_table_row_and_the_listed_axie_give_the_same_subject() -> None:
    special = {Slot.HORN: "Mystic", Slot.TAIL: "Japan"}
    parts = tuple(Part(f"{slot}-x", slot, AxieClass.BEAST, 2, special.get(slot)) for slot in Slot)
    axie = make_axie(parts=parts, title="", breed_count=3)
    assert axie.stats is not None
    frame = table(events(1)).assign(
        axie_id=axie.id, **{"class": "Beast"}, breed_count=3, pure_parts=6, purity=axie.purity,
        level=axie.level, hp=axie.stats.hp, speed=axie.stats.speed, skill=axie.stats.skill,
        morale=axie.stats.morale, evolved_parts=6, title="",
        special_genes="|||Mystic||Japan", **{slot.value: f"{slot}-x" for slot in Slot},
    )  # fmt: skip
    (event,) = from_table(frame)
    assert event.subject == from_axie(axie)
    assert event.subject.collection == "mystic"


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
