"""Keeps a linear model from extrapolating: a value beyond what training saw counts as the outermost seen."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from models.members import Floats


class Clipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Clips each column to the range between two quantiles of the training data.

    Parameters
    ----------
    tail : share of the training values that is clipped at either end.

    Attributes
    ----------
    low_, high_ : the bounds, arrays (n_features,).

    """

    def __init__(self, tail: float = 0.005) -> None:
        self.tail = tail

    def fit(self, X: Floats, y: Floats | None = None) -> Clipper:
        """Learn the bounds of X (n, features), which holds no NaN."""
        self.low_, self.high_ = np.quantile(X, [self.tail, 1 - self.tail], axis=0)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> Floats:
        """X within the bounds, an array of its shape."""
        clipped: Floats = np.clip(X, self.low_, self.high_)
        return clipped
