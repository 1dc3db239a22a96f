"""How good forecasts of a log price were, on rows that had no say in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.distribution import Residuals
from models.members import Floats


@dataclass(frozen=True, slots=True)
class Metrics:
    """Accuracy on the newest slice, in log price, with shares as fractions."""

    rows: int
    median_ape: float
    within_20: float
    r2_log: float
    rmse_log: float
    mae_log: float
    coverage_50: float
    coverage_80: float
    coverage_90: float


def measure(y: Floats, forecast: Floats, scale: Floats) -> Metrics:
    """Of forecasts (n,) with the scale of their errors (n,) against what came, y (n,).

    Coverage is judged on rows that its quantiles have not seen: the later half by those of the earlier.
    """
    error = y - forecast
    ape = np.abs(np.expm1(-error))  # |forecast − price| / price
    standardised = error / scale
    half = len(standardised) // 2
    earlier, later = Residuals.fit(standardised[:half]), standardised[half:]

    def covered(share: float) -> float:
        low, high = earlier.quantile(0.5 - share / 2), earlier.quantile(0.5 + share / 2)
        return float(np.mean((later >= low) & (later <= high)))

    return Metrics(
        rows=len(y),
        median_ape=float(np.median(ape)),
        within_20=float(np.mean(ape <= 0.2)),
        r2_log=float(1 - np.sum(error**2) / np.sum((y - y.mean()) ** 2)),
        rmse_log=float(np.sqrt(np.mean(error**2))),
        mae_log=float(np.mean(np.abs(error))),
        coverage_50=covered(0.5),
        coverage_80=covered(0.8),
        coverage_90=covered(0.9),
    )
