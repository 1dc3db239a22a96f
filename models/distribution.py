"""The calibrated distribution of a log price around its forecast, and how it goes on adapting.

Residuals of forecasts on data newer than the members had seen, divided by their predicted scale, are
the distribution: no shape is assumed. A quantile of the price is forecast + scale × quantile of those.
As outcomes arrive, the oldest residuals give way to theirs, so that in a market that moves the intervals
go on covering what they promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.members import Floats

GRID = 200
_LEVELS = (np.arange(GRID) + 0.5) / GRID


@dataclass(frozen=True, slots=True)
class Residuals:
    """Standardised residuals as quantiles: `z` (GRID,) sorted, at the levels (i + ½) / GRID.

    Each level carries the same probability, so a mean over the grid is an expectation.
    """

    z: Floats

    @classmethod
    def fit(cls, standardised: Floats) -> Residuals:
        """From standardised residuals (n,), n ≥ 1, of forecasts on unseen data."""
        n = len(standardised)
        if n == 0:
            raise ValueError("a distribution needs at least one residual")
        # Conformal widening: with n residuals the level q is only guaranteed at ceil(q(n+1))/n.
        widened = np.clip(0.5 + (_LEVELS - 0.5) * (n + 1) / n, 0.0, 1.0)
        return cls(np.quantile(standardised, widened))

    def atoms(self, log_price: Floats, scale: Floats) -> Floats:
        """Equally likely prices (n, GRID), ascending, for n forecasts of the log price."""
        prices: Floats = np.exp(log_price[:, None] + scale[:, None] * self.z)
        return prices

    @property
    def spread(self) -> float:
        """The standard deviation that a normal distribution with the same central nine tenths has."""
        return (self.quantile(0.95) - self.quantile(0.05)) / 3.29

    def quantile(self, level: float) -> float:
        """The standardised residual at a level in (0, 1)."""
        return float(np.interp(level, _LEVELS, self.z))

    def quantiles(self, levels: Sequence[float]) -> Floats:
        """The standardised residuals at some levels in (0, 1)."""
        found: Floats = np.interp(levels, _LEVELS, self.z)
        return found

    def above(self, standardised: Floats) -> Floats:
        """The chance that a standardised residual lies above each value, within [½/GRID, 1 − ½/GRID]."""
        chances: Floats = 1.0 - np.interp(standardised, self.z, _LEVELS)
        return chances


class Calibrator:
    """Residuals that adapt: those of the newest WINDOW outcomes, worked out anew every STEP of them."""

    WINDOW = 2500
    STEP = 50

    def __init__(self, standardised: Floats) -> None:
        """Begin with standardised residuals (n,), n ≥ 1, the newest last."""
        self._newest = standardised[-self.WINDOW :].copy()
        self._waiting: list[float] = []
        self.residuals = Residuals.fit(self._newest)

    def add(self, standardised: Floats) -> None:
        """Take in residuals (n,) of forecasts whose outcome has become known, in the order of time."""
        self._waiting += standardised[np.isfinite(standardised)].tolist()
        if len(self._waiting) >= self.STEP:
            self._newest = np.append(self._newest, self._waiting)[-self.WINDOW :]
            self._waiting.clear()
            self.residuals = Residuals.fit(self._newest)
