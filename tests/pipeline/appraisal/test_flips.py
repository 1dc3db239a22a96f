"""What an ask tells of the resale, learnt from made-up axies that were sold twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.distribution import Residuals
from pipeline.appraisal.flips import ENOUGH, KNOTS, USUAL, Flips, followed

NORMAL = Residuals.fit(np.random.default_rng(0).normal(size=4000))


def pairs(count: int, slope: float, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Gaps, scales and outcomes: a resale follows the ask by `slope`, with an error of scale × noise × 10."""
    rng = np.random.default_rng(seed)
    gap = rng.normal(-0.1, 0.3, count)
    scale = rng.uniform(0.05, 0.2, count)
    return gap, scale, slope * gap + rng.normal(size=count) * scale * noise * 10


def test_many_pairs_teach_how_far_a_resale_follows_the_ask() -> None:
    for slope in (0.1, 0.8):
        flips = Flips.fit(*pairs(6000, slope), NORMAL)
        knots = (KNOTS > -0.6) & (KNOTS < 0.5)
        np.testing.assert_allclose(flips.curve[knots], slope * KNOTS[knots], atol=0.05)


def test_without_pairs_it_is_the_usual_curve_with_the_forecasts_own_error() -> None:
    none = np.empty(0)
    flips = Flips.fit(none, none, none, NORMAL)
    np.testing.assert_allclose(flips.curve, USUAL, atol=1e-6)
    assert flips.residuals is NORMAL
    assert flips.pairs == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 400), st.floats(-1.0, 1.5), st.integers(0, 99))
def test_a_dearer_ask_never_means_a_cheaper_resale(count: int, slope: float, seed: int) -> None:
    flips = Flips.fit(*pairs(count, slope, seed=seed), NORMAL)
    asks = np.linspace(-3, 3, 200)
    centre, scale = flips.resale(np.zeros(200), np.full(200, 0.1), asks)
    assert (np.diff(centre) >= -1e-9).all()
    assert (scale > 0).all()


def test_the_stated_chances_come_true_on_pairs_that_it_has_not_seen() -> None:
    flips = Flips.fit(*pairs(5000, 0.4), NORMAL)
    gap, scale, outcome = pairs(5000, 0.4, seed=1)
    centre, width = flips.resale(np.zeros(5000), scale, gap)
    for level in (0.1, 0.3, 0.5, 0.7, 0.9):
        share = np.mean(outcome <= centre + width * flips.residuals.quantile(level))
        assert share == pytest.approx(level, abs=0.03)


def test_an_unsure_forecast_has_a_wider_resale() -> None:
    flips = Flips.fit(*pairs(3000, 0.4), NORMAL)
    _, (sure, unsure) = flips.resale(np.zeros(2), np.array([0.05, 0.2]), np.zeros(2))
    assert unsure > 2 * sure


def test_absurd_outcomes_do_not_bend_the_curve() -> None:
    gap, scale, outcome = pairs(2000, 0.4)
    plain = Flips.fit(gap, scale, outcome, NORMAL)
    outcome[:20] = 5.0
    bent = Flips.fit(gap, scale, outcome, NORMAL)
    np.testing.assert_allclose(bent.curve, plain.curve, atol=0.05)
    assert bent.pairs == 1980 > ENOUGH


def test_history_that_ends_does_not_make_resales_look_cheap() -> None:
    """Who asks more waits longer: without weights, the quick and cheap resales would speak for all."""
    rng = np.random.default_rng(3)
    count = 20_000
    gap, scale = rng.normal(0, 0.2, count), np.full(count, 0.1)
    premium = rng.normal(0.1, 0.1, count)
    wait = rng.exponential(10.0, count) * np.exp(premium / 0.1)
    follow_up = rng.uniform(0, 72.0, count)
    seen = wait < follow_up
    pairs = (gap[seen], scale[seen], premium[seen], NORMAL)
    within = wait < 72.0
    truth = float(np.median(premium[within]))
    plain = Flips.fit(*pairs)
    weighed = Flips.fit(*pairs, followed(wait[seen], follow_up))
    at_zero = [float(np.interp(0.0, KNOTS, flips.curve)) for flips in (plain, weighed)]
    assert at_zero[0] < truth - 0.012
    assert at_zero[1] == pytest.approx(truth, abs=0.008)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.lists(st.floats(0, 100), max_size=20))
def test_a_longer_wait_never_weighs_less(follow_up: list[float], waits: list[float]) -> None:
    weight = followed(np.sort(waits), np.array(follow_up))
    assert (np.diff(weight) >= 0).all()
    assert ((weight >= 1) & (weight <= 10)).all()
