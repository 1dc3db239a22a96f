"""How long a resale takes: a hazard of being bought, learnt from what became of listings.

A listing is bought at a rate that depends on how its ask lies to its forecast, how sure that is, and how
long it has stood; what was withdrawn, expired or still stands counts for the time that it stood. A rate
per hour is regressed on person-time, piece by piece (scikit-learn's Poisson regression), which is
survival analysis with censored rows and no shape assumed but that of the pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from models.members import Floats

# Hours at which the pieces begin; the last has no end.
PIECES = (0.0, 1.0, 4.0, 12.0, 24.0, 72.0)
ENOUGH = 200  # listings with an outcome, and
ENOUGH_SOLD = 40  # sales among them, or nothing is known
GAP = 1.5  # asks further above or below count as so far
HORIZON_H = 24.0
LONGEST_H = 24.0 * 14
_TIMES = np.array([*PIECES, LONGEST_H])
_HINGES = (-0.3, 0.0, 0.3)


@dataclass(frozen=True, slots=True)
class Selling:
    """Coefficients of the log of the hourly rate of a sale: of the pieces, then of the terms of an ask.

    `reached` (pieces + 1,) is the cumulated rate where each piece begins and after two weeks, of an ask
    with no pull either way.
    """

    pieces: Floats
    terms: Floats
    listings: int
    sold: int
    reached: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Add up the pieces."""
        reached = np.cumsum([0.0, *(np.exp(self.pieces) * np.diff(_TIMES))])
        object.__setattr__(self, "reached", reached)

    @classmethod
    def fit(cls, gap: Floats, scale: Floats, hours: Floats, sold: np.ndarray) -> Selling | None:
        """From listings (n,): log ask − forecast, the forecast's scale, hours for sale, whether then sold.

        None where they are too few to tell.
        """
        from sklearn.linear_model import PoissonRegressor

        stood = hours > 0
        gap, scale, hours, sold = gap[stood], scale[stood], hours[stood], sold[stood].astype(bool)
        if len(gap) < ENOUGH or sold.sum() < ENOUGH_SOLD:
            return None
        terms = _terms(gap, scale)
        blocks, exposures, events = [], [], []
        for index, start in enumerate(PIECES):
            end = PIECES[index + 1] if index + 1 < len(PIECES) else math.inf
            there = hours > start
            exposed = np.minimum(hours[there], end) - start
            block = np.zeros((there.sum(), len(PIECES)))
            block[:, index] = 1.0
            blocks.append(np.hstack((block, terms[there])))
            exposures.append(exposed)
            events.append(sold[there] & (hours[there] <= end))
        X, exposure = np.vstack(blocks), np.concatenate(exposures)
        rate = np.concatenate(events) / exposure
        model = PoissonRegressor(alpha=1e-3, fit_intercept=True, max_iter=500)
        model.fit(X, rate, sample_weight=exposure / exposure.mean())
        pieces = model.coef_[: len(PIECES)] + model.intercept_
        return cls(pieces, model.coef_[len(PIECES) :], len(gap), int(sold.sum()))

    def chance(self, gap: Floats, scale: Floats, hours: float = HORIZON_H) -> Floats:
        """The chance that an ask so far from its forecast is bought within so many hours, (n,).

        What comes after two weeks does not count.
        """
        reached = np.interp(hours, _TIMES, self.reached)
        chance: Floats = -np.expm1(-reached * self._pull(gap, scale))
        return chance

    def median_hours(self, gap: Floats, scale: Floats) -> Floats:
        """Hours within which half of such asks are bought, (n,); at most two weeks."""
        wanted = math.log(2) / self._pull(gap, scale)
        hours: Floats = np.interp(wanted, self.reached, _TIMES)
        return hours

    def _pull(self, gap: Floats, scale: Floats) -> Floats:
        pull: Floats = np.exp(_terms(gap, scale) @ self.terms)
        return pull


def _terms(gap: Floats, scale: Floats) -> Floats:
    """The gap with bends in it, and how unsure the forecast is, which blurs the gap: (n, 5)."""
    gap = np.minimum(np.maximum(gap, -GAP), GAP)
    bends = [np.maximum(gap - hinge, 0.0) for hinge in _HINGES]
    return np.array((gap, *bends, np.log(scale))).T
