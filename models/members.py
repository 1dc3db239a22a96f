"""The kinds of regressors that compete in the ensemble.

Each entry makes a fresh, seeded scikit-learn regressor. All take float64 features with NaN for unknown,
of which the first `categories` columns are categories: whole numbers in an order that means nothing.
scikit-learn is imported when a member is made, so that a process that only serves never loads it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_LEAVES = 64  # of a tree; `models.quick` keeps them as bits of one number


class Regressor(Protocol):
    """What the ensemble needs of a member."""

    def fit(self, X: Any, y: Any, **weights: Any) -> Regressor:
        """Learn from rows X (n, features) and targets y (n,)."""
        ...

    def predict(self, X: Any) -> Floats:
        """Forecast for rows X (n, features): an array (n,)."""
        ...


Factory = Callable[[int, int], Regressor]


def boosting(
    categories: int,
    seed: int,
    loss: str,
    *,
    learning_rate: float = 0.07,
    max_iter: int = 170,
    max_leaf_nodes: int = 56,
    min_samples_leaf: int = 20,
    l2_regularization: float = 2.0,
    max_features: float = 0.5,
) -> Regressor:
    """Gradient-boosted trees with native categories."""
    from models.boosting import PlainBins

    return cast(
        Regressor,
        PlainBins(
            loss=loss,
            learning_rate=learning_rate,
            max_iter=max_iter,
            max_leaf_nodes=max_leaf_nodes,
            min_samples_leaf=min_samples_leaf,
            l2_regularization=l2_regularization,
            max_features=max_features,
            categorical_features=list(range(categories)),
            early_stopping=False,
            random_state=seed,
        ),
    )


def boosting_absolute(categories: int, seed: int) -> Regressor:
    """Boosting under absolute loss: aims at the median, robust to absurd prices."""
    return boosting(categories, seed, "absolute_error")


def boosting_squared(categories: int, seed: int) -> Regressor:
    """Boosting under squared loss."""
    return boosting(categories, seed, "squared_error", learning_rate=0.05, max_iter=120, max_leaf_nodes=40)


def random_forest(categories: int, seed: int) -> Regressor:
    """A random forest; it takes the numbers of categories as they come."""
    from sklearn.ensemble import RandomForestRegressor

    del categories
    return cast(
        Regressor,
        RandomForestRegressor(
            n_estimators=40,
            max_leaf_nodes=MOST_LEAVES,
            min_samples_leaf=5,
            max_features=0.4,
            max_samples=0.3,
            random_state=seed,
        ),
    )


def linear(categories: int, seed: int) -> Regressor:
    """Ridge regression on numbers, categories and pairs of categories."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    from models.encoding import Encoder

    ridge = Ridge(alpha=30.0, solver="lsqr", max_iter=150, random_state=seed)
    return cast(Regressor, make_pipeline(Encoder(categories), ridge))


def neighbours(categories: int, seed: int) -> Regressor:
    """The mean of the nearest among the newest rows, by their numbers."""
    from models.neighbours import NewestNeighbours

    del seed
    return cast(Regressor, NewestNeighbours(categories))


def neural(categories: int, seed: int) -> Regressor:
    """A neural net on numbers and categories: PyTorch through skorch where installed, else scikit-learn's."""
    from models.neural import net

    return net(categories, seed)


MEMBERS: Mapping[str, Factory] = {
    "boosting_absolute": boosting_absolute,
    "boosting_squared": boosting_squared,
    "linear": linear,
    "neighbours": neighbours,
    "neural": neural,
    "random_forest": random_forest,
}


def binnable(X: Floats) -> Floats:
    """X (n, features), of which scikit-learn's boosting can bin every column.

    It stumbles over one with fewer than two known values. Such a column is given two; no leaf is so small
    that a tree could split on them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any known value is expected
        constant = np.flatnonzero(~(np.nanmax(X, axis=0) > np.nanmin(X, axis=0)))
    if not len(constant) or len(X) < 2:
        return X
    filled = X.copy()
    filled[0, constant], filled[1, constant] = 0.0, 1.0
    return filled


def fit_member(member: Regressor, X: Floats, y: Floats, weight: Floats) -> Regressor:
    """Fit a member, a pipeline too, with a weight (n,) for each row; their scale does not matter.

    It would, to a forest's samples and to every penalty: a fold ends earlier, so that its rows weigh less.
    """
    from sklearn.exceptions import ConvergenceWarning

    steps = getattr(member, "steps", None)
    name = "sample_weight" if steps is None else f"{steps[-1][0]}__sample_weight"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a net learns for so long and no longer
        return member.fit(binnable(X), y, **{name: weight / weight.mean()})
