"""The kinds of regressor that compete for a place in the ensemble.

Each is a plain scikit-learn estimator over a float64 matrix in which NaN means "unknown". They are
deliberately different: boosted trees under absolute and squared loss, two kinds of randomised forest,
and a linear model, so that their errors are not the same errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Regressor(Protocol):
    """The part of scikit-learn's regressor interface that is used here."""

    def fit(self, X: Floats, y: Floats, sample_weight: Floats | None = None) -> Regressor:
        """Learn from X (n, features) and y (n,)."""
        ...

    def predict(self, X: Floats) -> Floats:
        """Forecast for X (n, features): an array (n,)."""
        ...


def boosting_absolute(seed: int) -> Regressor:
    """Gradient boosting under absolute loss: aims at the median, robust to absurd prices."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return cast(
        Regressor,
        HistGradientBoostingRegressor(
            loss="absolute_error",
            learning_rate=0.08,
            max_iter=160,
            max_leaf_nodes=24,
            min_samples_leaf=20,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        ),
    )


def boosting_squared(seed: int) -> Regressor:
    """Gradient boosting under squared loss."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return cast(
        Regressor,
        HistGradientBoostingRegressor(
            learning_rate=0.06,
            max_iter=160,
            max_leaf_nodes=16,
            min_samples_leaf=25,
            l2_regularization=3.0,
            early_stopping=False,
            random_state=seed,
        ),
    )


def extra_trees(seed: int) -> Regressor:
    """Extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesRegressor

    return cast(
        Regressor,
        ExtraTreesRegressor(
            n_estimators=80,
            max_depth=14,
            min_samples_leaf=5,
            max_features=0.5,
            random_state=seed,
        ),
    )


def random_forest(seed: int) -> Regressor:
    """Bagged trees with column sampling."""
    from sklearn.ensemble import RandomForestRegressor

    return cast(
        Regressor,
        RandomForestRegressor(
            n_estimators=60,
            max_depth=14,
            min_samples_leaf=6,
            max_features=0.3,
            max_samples=0.7,
            random_state=seed,
        ),
    )


def ridge(seed: int) -> Regressor:
    """A linear model; unknown values are put at the column's mean, extreme ones at its outer quantiles."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from models.clipping import Clipper

    pipeline = make_pipeline(
        SimpleImputer(keep_empty_features=True),
        Clipper(),
        StandardScaler(),
        Ridge(alpha=30.0, random_state=seed),
    )
    return cast(Regressor, pipeline)


MEMBERS: Mapping[str, Callable[[int], Regressor]] = {
    "boosting_absolute": boosting_absolute,
    "boosting_squared": boosting_squared,
    "extra_trees": extra_trees,
    "random_forest": random_forest,
    "ridge": ridge,
}
