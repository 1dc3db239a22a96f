"""scikit-learn's boosting without two of its costs, which on some thousand rows are dearer than the trees.

Since 1.8 it finds the edges of a column's bins by weighted quantiles, one by one. Weights that fade over
weeks hardly move the edges; the trees themselves are fitted with them as ever. And under absolute loss it
asks for the weighted median of each leaf through layers of adapters for other libraries' arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn._loss.loss import AbsoluteError
from sklearn.ensemble import HistGradientBoostingRegressor


class PlainMedian(AbsoluteError):  # type: ignore[misc]
    """Absolute loss whose weighted median is a few lines of numpy, and the same to the bit."""

    def fit_intercept_only(self, y_true: Any, sample_weight: Any = None) -> Any:
        """The (weighted) median of y_true (n,)."""
        if sample_weight is None:
            return np.median(y_true)
        order = np.argsort(y_true)
        below = np.cumsum(sample_weight[order])
        return y_true[order[np.searchsorted(below, 0.5 * below[-1])]]


class PlainBins(HistGradientBoostingRegressor):  # type: ignore[misc]
    """A histogram-boosted regressor whose bins hold about as many rows each, whatever these weigh."""

    def _bin_data(self, X: Any, sample_weight: Any, is_training_data: bool) -> Any:
        del sample_weight
        return super()._bin_data(X, None, is_training_data)

    def _get_loss(self, sample_weight: Any) -> Any:
        if self.loss == "absolute_error":
            return PlainMedian(sample_weight=sample_weight)
        return super()._get_loss(sample_weight)
