"""Nearest comparables: the forecast is the mean of the rows most alike among the newest."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from models.compiled import Neighbours
from models.members import Floats


class NewestNeighbours(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Mean target of the nearest rows among the newest, by distance over the standardised numbers.

    A column counts as much as it is correlated with the target, so that what tells nothing of the price
    does not make two rows strangers.

    Parameters
    ----------
    categories : leading columns of X that are categories, and left out.
    newest : rows that are kept, the last ones of those learnt from.
    near : how many are averaged.

    Attributes
    ----------
    kept_ : the rows with their targets, and what makes other rows comparable with them.

    """

    def __init__(self, categories: int = 0, newest: int = 3000, near: int = 12) -> None:
        self.categories = categories
        self.newest = newest
        self.near = near

    def fit(self, X: Floats, y: Floats, sample_weight: Floats | None = None) -> NewestNeighbours:
        """Keep the newest rows of X (n, features) with their targets y (n,)."""
        del sample_weight  # what is kept is new
        numbers = X[-4 * self.newest :, self.categories :]
        target = y[-len(numbers) :]
        some = ~np.isnan(numbers).all(axis=0)
        fill = np.nanmean(np.where(some, numbers, 0.0), axis=0)
        filled = np.where(np.isnan(numbers), fill, numbers)
        mean, spread = filled.mean(axis=0), filled.std(axis=0)
        varies = spread > 1e-12
        spread = np.where(varies, spread, 1.0)
        covariance = (filled - mean).T @ (target - target.mean()) / len(target)
        correlation = covariance / (spread * (target.std() + 1e-12))
        scale = np.where(varies, correlation / spread, 0.0)
        rows = ((filled - mean) * scale)[-self.newest :]
        self.kept_ = Neighbours(self.categories, self.near, fill, mean, scale, rows, target[-self.newest :])
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Floats) -> Floats:
        """Forecast for X: an array (n,)."""
        return self.kept_.predict(X)[:, 0]
