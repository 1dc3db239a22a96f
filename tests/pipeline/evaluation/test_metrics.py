import math

import numpy as np
import pytest

from pipeline.evaluation.metrics import LEVELS, measure, pinball

OFFSETS = np.array([-0.3, -0.2, -0.05, 0.0, 0.05, 0.2, 0.3])
PAID = np.log([10.0, 20.0])
FORECAST = np.log([11.0, 15.0])
QUANTILES = FORECAST[:, None] + OFFSETS


def test_point_forecasts_are_scored_as_by_hand() -> None:
    found = measure(PAID, QUANTILES)
    assert found.rows == 2
    assert found.mae == pytest.approx(3.0)  # 1 and 5
    assert found.mape == pytest.approx(0.175)  # 10 % and 25 %
    assert found.median_ape == pytest.approx(0.175)
    assert found.within_20 == 0.5
    unexplained = math.log(11 / 10) ** 2 + math.log(15 / 20) ** 2
    assert found.r2_log == pytest.approx(1 - unexplained / (math.log(2) ** 2 / 2))


def test_intervals_are_scored_as_by_hand() -> None:
    found = measure(PAID, QUANTILES)
    # 10 lies 0.095 below the first forecast, 20 lies 0.288 above the second.
    assert found.coverage == {"50": 0.0, "80": 0.5, "90": 1.0}
    assert found.width_log == pytest.approx({"50": 0.1, "80": 0.4, "90": 0.6})


def test_a_price_on_the_edge_of_an_interval_is_covered() -> None:
    assert measure(PAID, PAID[:, None] + np.maximum(OFFSETS, 0)).coverage == {"50": 1.0, "80": 1.0, "90": 1.0}


def test_a_quantile_pays_its_level_for_falling_short_and_the_rest_for_overshooting() -> None:
    loss = pinball(np.array([2.0, 2.0]), np.array([[1.0] * len(LEVELS), [4.0] * len(LEVELS)]))
    assert loss[0] == pytest.approx(np.array(LEVELS))
    assert loss[1] == pytest.approx(2 * (1 - np.array(LEVELS)))
    assert measure(np.array([2.0]), np.full((1, len(LEVELS)), 1.0)).pinball == pytest.approx(0.5)


def test_perfect_forecasts_have_no_error() -> None:
    found = measure(PAID, np.repeat(PAID[:, None], len(LEVELS), axis=1))
    assert (found.mae, found.mape, found.pinball) == (0.0, 0.0, 0.0)
    assert found.r2_log == 1.0


def test_what_the_rows_cannot_tell_is_none_and_not_nan() -> None:
    empty = measure(np.empty(0), np.empty((0, len(LEVELS))))
    assert empty.rows == 0
    assert empty.mae is None
    assert empty.coverage == {"50": None, "80": None, "90": None}
    assert measure(PAID[:1], QUANTILES[:1]).r2_log is None
