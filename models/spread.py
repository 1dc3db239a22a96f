"""How far off a forecast may be: a small boosted member that learns the size of the ensemble's errors."""

from __future__ import annotations

from typing import cast

import numpy as np

from models.members import Floats, Regressor, binnable

CROSSED = 4  # parts of a slice, the scale of each of which is learnt from the others


def fit_scale(X: Floats, residual: Floats, weight: Floats, seed: int) -> Regressor:
    """Learn the log of the absolute residual (n,) from X (n, features)."""
    from models.boosting import PlainBins

    member = PlainBins(
        learning_rate=0.08,
        max_iter=50,
        max_leaf_nodes=10,
        min_samples_leaf=60,
        early_stopping=False,
        random_state=seed,
    )
    # The log of the absolute error: its mean is a robust, always positive measure of spread.
    return cast(Regressor, member.fit(binnable(X), np.log(np.abs(residual) + 0.01), sample_weight=weight))


def crossed_scale(X: Floats, residual: Floats, weight: Floats, seed: int) -> Floats:
    """The log of every row's scale, (n,), as learnt from the other parts of the slice alone.

    A scale that has seen the error which it is held against follows it: the error then looks smaller than
    it is, and intervals made of such errors cover too little.
    """
    found = np.empty(len(residual))
    for part in np.array_split(np.arange(len(residual)), CROSSED):
        others = np.delete(np.arange(len(residual)), part)
        found[part] = fit_scale(X[others], residual[others], weight[others], seed).predict(X[part])
    return found
