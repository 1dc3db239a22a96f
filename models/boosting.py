"""scikit-learn's boosting, with bins that know nothing of weights.

Since 1.8 scikit-learn finds the edges of a column's bins by weighted quantiles, one by one: on some thousand
rows that takes longer than the trees. Weights that fade over weeks hardly move the edges; the trees
themselves are fitted with them as ever.
"""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import HistGradientBoostingRegressor


class PlainBins(HistGradientBoostingRegressor):  # type: ignore[misc]
    """A histogram-boosted regressor whose bins hold about as many rows each, whatever these weigh."""

    def _bin_data(self, X: Any, sample_weight: Any, is_training_data: bool) -> Any:
        del sample_weight
        return super()._bin_data(X, None, is_training_data)
