import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.appraisal.asks import ENOUGH, USUAL_BIAS, USUAL_SPREAD, Asks

ASKS = Asks(bias=0.2, spread=0.45, noise=0.2)
logs = st.floats(-3, 8)
sigmas = st.floats(0.05, 1.5)


def test_a_well_known_value_hardly_heeds_its_ask() -> None:
    centre, _ = ASKS.posterior(1.0, 0.2, 1.0 + 0.2 - 1.0)
    assert 0.95 < centre < 1.0


def test_a_doubtful_forecast_moves_far_towards_a_low_ask() -> None:
    centre, sigma = ASKS.posterior(1.0, 0.7, 1.0 + 0.2 - 1.0)
    assert centre == pytest.approx(0.3, abs=0.1)
    assert sigma < 0.7


@given(logs, sigmas, logs)
def test_the_forecast_lies_between_itself_and_what_the_ask_says_and_is_never_less_sure(
    forecast: float, sigma: float, ask: float
) -> None:
    centre, after = ASKS.posterior(forecast, sigma, ask)
    low, high = sorted((forecast, ask - ASKS.bias))
    assert low - 1e-9 <= centre <= high + 1e-9
    assert min(ASKS.noise, sigma) <= after <= max(sigma, math.hypot(sigma, 0.08)) + 1e-12


def test_how_asks_lie_around_values_is_learnt_from_listings() -> None:
    rng = np.random.default_rng(4)
    doubt = rng.uniform(0.02, 0.25, 4000)
    sigma = np.sqrt(0.2**2 + doubt**2)
    gaps = 0.25 + rng.normal(size=4000) * np.sqrt(0.4**2 + doubt**2)
    gaps[:80] += 6.0  # wishes
    asks = Asks.fit(sigma, gaps)
    assert asks.bias == pytest.approx(0.25, abs=0.03)
    assert asks.spread == pytest.approx(0.4, abs=0.05)
    assert asks.noise == pytest.approx(0.2, abs=0.02)


def test_without_enough_listings_the_usual_figures_serve() -> None:
    asks = Asks.fit(np.full(500, 0.3), np.zeros(ENOUGH - 1))
    assert (asks.bias, asks.spread, asks.noise) == (USUAL_BIAS, USUAL_SPREAD, pytest.approx(0.3))


def test_buying_what_looks_cheap_pays_what_is_promised() -> None:
    # Values that the model knows with an error, asks that follow the value: the posterior of the
    # picks is honest where the bare forecast is far too high.
    rng = np.random.default_rng(1)
    value = rng.normal(1.0, 0.5, 40_000)
    sigma = 0.5
    forecast = value + rng.normal(0, math.sqrt(sigma**2 - 0.2**2), value.size)
    ask = value + 0.2 + rng.normal(0, 0.45, value.size)
    posterior = np.array([ASKS.posterior(f, sigma, a)[0] for f, a in zip(forecast, ask, strict=True)])
    cheap = forecast - ask > 0.4
    picked = posterior - ask > 0.4
    assert np.mean(forecast[cheap] - value[cheap]) > 0.25
    assert abs(np.mean(posterior[picked] - value[picked])) < 0.1
