"""The time to a sale, learnt from made-up listings that sell at a known rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.appraisal.selling import ENOUGH, ENOUGH_SOLD, Selling


def listings(count: int, seed: int = 0, watched_h: float = 48.0) -> tuple[np.ndarray, ...]:
    """Listings bought at 0.1 an hour at their forecast, e-fold more often for each 0.2 below it."""
    rng = np.random.default_rng(seed)
    gap = rng.normal(0.1, 0.3, count)
    scale = rng.uniform(0.08, 0.15, count)
    until_sold = rng.exponential(1 / (0.1 * np.exp(-gap / 0.2)))
    patience = np.minimum(rng.exponential(40.0, count), watched_h)
    return gap, scale, np.minimum(until_sold, patience), until_sold < patience


@pytest.fixture(scope="module")
def selling() -> Selling:
    found = Selling.fit(*listings(8000))
    assert found is not None
    return found


def truth(gap: np.ndarray, hours: float) -> np.ndarray:
    return 1 - np.exp(-0.1 * np.exp(-gap / 0.2) * hours)


def test_the_chance_of_a_sale_comes_close_to_the_true_one_though_most_rows_are_censored(
    selling: Selling,
) -> None:
    gap = np.array([-0.3, -0.1, 0.0, 0.15, 0.3])
    for hours in (6.0, 24.0):
        found = selling.chance(gap, np.full(5, 0.11), hours)
        np.testing.assert_allclose(found, truth(gap, hours), atol=0.08)


def test_half_of_such_asks_are_sold_within_the_median_hours(selling: Selling) -> None:
    gap, scale = np.linspace(-0.4, 0.3, 8), np.full(8, 0.11)
    for at, hours in enumerate(selling.median_hours(gap, scale).tolist()):
        assert selling.chance(gap, scale, hours)[at] == pytest.approx(0.5, abs=0.02)


@given(st.floats(-2, 2), st.floats(0, 200), st.floats(0, 200))
def test_more_time_never_lowers_the_chance(selling: Selling, gap: float, early: float, later: float) -> None:
    first, second = sorted((early, later))
    at, scale = np.array([gap]), np.array([0.1])
    assert 0 <= selling.chance(at, scale, first)[0] <= selling.chance(at, scale, second)[0] <= 1


def test_a_dearer_ask_is_less_likely_to_be_sold(selling: Selling) -> None:
    gap = np.linspace(-0.5, 0.6, 12)
    assert (np.diff(selling.chance(gap, np.full(12, 0.11))) < 0).all()


def test_too_little_history_says_nothing() -> None:
    gap, scale, hours, sold = listings(2000)
    few = ENOUGH - 1
    assert Selling.fit(gap[:few], scale[:few], hours[:few], sold[:few]) is None
    unsold = np.zeros(2000, dtype=bool)
    unsold[: ENOUGH_SOLD - 1] = True
    assert Selling.fit(gap, scale, hours, unsold) is None
