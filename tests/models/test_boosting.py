"""Boosting without scikit-learn's dearest detours grows the same trees."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn._loss.loss import AbsoluteError
from sklearn.ensemble import HistGradientBoostingRegressor

from models.boosting import PlainBins, PlainMedian

weighed = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3)), min_size=1, max_size=60)


@given(rows=weighed)
def test_a_weighted_median_is_scikit_learns_to_the_bit(rows: list[tuple[float, float]]) -> None:
    values, weights = np.array(rows).T
    for weight in (weights, np.ones(len(values)), None):
        ours = PlainMedian(weight).fit_intercept_only(values, weight)
        assert ours == AbsoluteError(weight).fit_intercept_only(values, weight)


def test_without_weights_a_forecast_is_scikit_learns_own() -> None:
    X = np.random.default_rng(0).normal(size=(400, 4))
    made = {
        kind: kind(loss="absolute_error", max_iter=5, random_state=0, early_stopping=False).fit(
            X, X.sum(axis=1)
        )
        for kind in (PlainBins, HistGradientBoostingRegressor)
    }
    ours, theirs = (member.predict(X) for member in made.values())
    np.testing.assert_array_equal(ours, theirs)
