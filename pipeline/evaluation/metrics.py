"""What a set of forecasts is worth, in figures.

A forecast is a distribution of the log price, given by its quantiles at `LEVELS`; its middle one is the
point forecast. Shares are fractions, and a figure that the rows cannot give is None.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
MIDDLE = LEVELS.index(0.5)
# The share that an interval promises to cover, in per cent, and the levels at its two ends.
INTERVALS = {"50": (2, 4), "80": (1, 5), "90": (0, 6)}


class Metrics(msgspec.Struct, frozen=True):
    """`mae` is in dollars, `mape` and `median_ape` relative to the price that was paid.

    `coverage` and `width_log` are by interval, the width being the mean in log price; `pinball` is the
    mean loss of the log price over all of `LEVELS`.
    """

    rows: int
    mae: float | None
    mape: float | None
    median_ape: float | None
    within_20: float | None
    r2_log: float | None
    coverage: dict[str, float | None]
    width_log: dict[str, float | None]
    pinball: float | None


def measure(log_price: Floats, quantiles: Floats) -> Metrics:
    """Score quantiles (n, len(LEVELS)) of the log price, ascending, against what was paid, (n,)."""
    if len(log_price) == 0:
        nothing: dict[str, float | None] = dict.fromkeys(INTERVALS)
        return Metrics(0, None, None, None, None, None, nothing, nothing, None)
    price, forecast = np.exp(log_price), np.exp(quantiles[:, MIDDLE])
    ape = np.abs(forecast - price) / price
    coverage: dict[str, float | None] = {}
    width: dict[str, float | None] = {}
    for name, (low, high) in INTERVALS.items():
        within = (quantiles[:, low] <= log_price) & (log_price <= quantiles[:, high])
        coverage[name] = float(np.mean(within))
        width[name] = float(np.mean(quantiles[:, high] - quantiles[:, low]))
    return Metrics(
        rows=len(price),
        mae=float(np.mean(np.abs(forecast - price))),
        mape=float(np.mean(ape)),
        median_ape=float(np.median(ape)),
        within_20=float(np.mean(ape <= 0.2)),
        r2_log=_r2(log_price, quantiles[:, MIDDLE]),
        coverage=coverage,
        width_log=width,
        pinball=float(np.mean(pinball(log_price, quantiles))),
    )


def pinball(log_price: Floats, quantiles: Floats) -> Floats:
    """The loss of each quantile, (n, len(LEVELS)): falling short costs the level, overshooting the rest."""
    levels = np.array(LEVELS)
    short = log_price[:, None] - quantiles
    loss: Floats = np.maximum(levels * short, (levels - 1) * short)
    return loss


def _r2(log_price: Floats, forecast: Floats) -> float | None:
    total = float(np.sum((log_price - log_price.mean()) ** 2))
    if total == 0:
        return None  # one price throughout: there is nothing to explain
    return 1 - float(np.sum((log_price - forecast) ** 2)) / total
