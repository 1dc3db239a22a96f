"""What an ask tells of the resale: learnt from axies that were sold twice.

Picking listings because they look cheap picks those that are worth less than they look, for sellers know
what no table holds. How much less is in the history itself: of every axie that was sold and sold again
soon after, the first price stands for the ask, and the second is what a flip brought. So the distribution
of a resale, given the forecast and the ask, is measured and not assumed; and where history holds few such
pairs it leans on what they showed in a real market (docs/marketplace.md, "Flips").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.distribution import Residuals
from models.members import Floats

WITHIN_S = 3 * 86_400.0  # a resale later than this says more of the market than of the flip
KNOTS = np.array([-1.2, -0.8, -0.5, -0.3, -0.15, 0.0, 0.15, 0.3, 0.6, 1.0])
# Resale over forecast (log) at those gaps between ask and forecast (log), in April 2022: 6,116 pairs.
USUAL = np.array([-0.22, -0.18, -0.12, -0.05, 0.0, 0.05, 0.11, 0.2, 0.36, 0.5])
USUAL_PAIRS = 200.0  # what the usual curve counts as
USUAL_SPREAD = (0.0, 0.75, 0.5)  # of the log of the error: constant, per log scale, per size of the gap
ROUNDS = 15
SMALL = 0.02
ENOUGH = 100  # pairs from which the shape of the error is believed
LEAST = 0.03
LEAST_FOLLOWED = 0.1  # a pair stands for ten at most
WORST = 1.5  # an outcome further than this from its forecast is another axie for all one can tell


@dataclass(frozen=True, slots=True)
class Flips:
    """How resales lie around forecasts, by the gap between ask and forecast; all in log price.

    `curve` (knots,) is the middle of resale − forecast at `KNOTS`, `spread` the coefficients of the log of
    its error on 1, log scale and |gap|, `residuals` the shape of the error, `pairs` how many taught it.
    """

    curve: Floats
    spread: Floats
    residuals: Residuals
    pairs: int

    @classmethod
    def fit(
        cls, gap: Floats, scale: Floats, outcome: Floats, usual: Residuals, weight: Floats | None = None
    ) -> Flips:
        """From pairs (n,): log ask − forecast, the forecast's scale, log resale − forecast; their weights.

        `usual` is the shape of the error where the pairs are too few to tell.
        """
        kept = np.abs(outcome) < WORST
        gap, scale, outcome = gap[kept], scale[kept], outcome[kept]
        weight = np.ones(len(kept)) if weight is None else weight
        weight = weight[kept] / max(float(weight[kept].sum()), 1e-300) * len(gap)
        curve = _curve(gap, outcome, weight)
        error = outcome - np.interp(gap, KNOTS, curve)
        spread = _spread(gap, scale, error, weight)
        if len(gap) < ENOUGH:
            return cls(curve, spread, usual, len(gap))
        standardised = error / _width(spread, gap, scale)
        return cls(curve, spread, Residuals.fit(_drawn(standardised, weight)), len(gap))

    def resale(self, forecast: Floats, scale: Floats, ask: Floats) -> tuple[Floats, Floats]:
        """Centre and scale of the log resale price for forecasts, their scales and asks, each (n,)."""
        gap = ask - forecast
        return forecast + np.interp(gap, KNOTS, self.curve), _width(self.spread, gap, scale)


def _hats(gap: Floats) -> Floats:
    """How much each knot has to say at a gap: (n, knots)."""
    return np.stack([np.interp(gap, KNOTS, row) for row in np.eye(len(KNOTS))], axis=1)


def _curve(gap: Floats, outcome: Floats, weight: Floats) -> Floats:
    """The rising curve of least absolute error through the pairs and the usual one."""
    from scipy.optimize import nnls

    # A rising curve is a start and steps of at least nothing; the start may have either sign.
    steps = np.tril(np.ones((len(KNOTS), len(KNOTS))))
    design = np.vstack((_hats(gap), np.eye(len(KNOTS)))) @ steps
    design = np.hstack((design, -design[:, :1]))
    target = np.concatenate((outcome, USUAL))
    usual = np.full(len(KNOTS), math.sqrt(USUAL_PAIRS / len(KNOTS)))
    curve = USUAL
    for _ in range(ROUNDS):
        error = np.abs(outcome - np.interp(gap, KNOTS, curve))
        root = np.concatenate((np.sqrt(weight * SMALL * 5 / np.maximum(error, SMALL)), usual))
        solved, _ = nnls(design * root[:, None], target * root)
        curve = steps @ np.concatenate(([solved[0] - solved[-1]], solved[1:-1]))
    return curve


def _spread(gap: Floats, scale: Floats, error: Floats, weight: Floats) -> Floats:
    """Coefficients of the log of the error, drawn to the usual ones where pairs are few."""
    usual = np.array(USUAL_SPREAD)
    design = _terms(gap, scale)
    left = np.log(np.maximum(np.abs(error), SMALL)) - design @ usual
    weighed = design * weight[:, None]
    moved: Floats = np.linalg.solve(weighed.T @ design + USUAL_PAIRS / 3 * np.eye(3), weighed.T @ left)
    return usual + moved


def _drawn(values: Floats, weight: Floats) -> Floats:
    """As many values, each as often as it weighs: evenly spaced draws, so that none is left to chance."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    wanted = (np.arange(len(values)) + 0.5) / len(values) * reached[-1]
    drawn: Floats = values[order][np.searchsorted(reached, wanted)]
    return drawn


def followed(wait: Floats, follow_up: Floats) -> Floats:
    """What pairs weigh, (n,), for history that ends: a resale after a long wait is seldom in it.

    `wait` (n,) is the time between a pair's sales, `follow_up` (m,) how long each first sale, resold or
    not, can be followed. A pair stands for those as slow as it whose history ended before.
    """
    ordered = np.sort(follow_up)
    share = 1.0 - np.searchsorted(ordered, wait, side="left") / max(len(ordered), 1)
    weight: Floats = 1.0 / np.maximum(share, LEAST_FOLLOWED)
    return weight


def _terms(gap: Floats, scale: Floats) -> Floats:
    return np.array((np.ones_like(gap), np.log(scale), np.minimum(np.abs(gap), 1.2))).T


def _width(spread: Floats, gap: Floats, scale: Floats) -> Floats:
    width: Floats = np.maximum(np.exp(_terms(gap, scale) @ spread), LEAST)
    return width
