"""The forecasters that walk forward side by side: the ensemble and the three baselines to beat.

Each learns from what came before a moment and answers with a distribution for what came after. A
baseline's distribution is its point forecast with the errors that it made on the newest fifth of the
history, which it had not learnt from for that purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from models.distribution import Calibrator
from models.ensemble import Fitted, fit
from models.members import binnable
from pipeline.evaluation.metrics import LEVELS, MIDDLE, Floats
from pipeline.evaluation.timeline import KINDS, TRAITS, Known
from pipeline.history import Progress
from pipeline.training import to_learn_from

NEWEST = 0.2
MAX_KINDS = 250  # scikit-learn's limit for one categorical column is 255

Point = Callable[[Known], Floats]


class Forecaster(Protocol):
    """Learns from the past, forecasts the log price of what came after it."""

    def learn(self, known: Known, log_price: Floats, progress: Progress) -> None:
        """Learn anew from rows in time order. Raises TrainingError where they are too few."""
        ...

    def forecast(self, known: Known) -> Floats:
        """Quantiles of the log price, ascending: (n, len(LEVELS))."""
        ...

    def observe(self, known: Known, log_price: Floats) -> None:
        """Be told what rows that were forecast were sold for, (n,), in order of time."""
        ...


class Model:
    """The ensemble, trained and calibrated exactly as for serving."""

    def __init__(self, *, seed: int = 0, n_jobs: int = 1) -> None:
        self._seed, self._n_jobs = seed, n_jobs
        self.fitted: Fitted | None = None
        self._calibrator: Calibrator | None = None

    def learn(self, known: Known, log_price: Floats, progress: Progress) -> None:
        """Train members, weights and calibration."""
        rows = to_learn_from(known.features, log_price - known.level, known.at)
        self.fitted = fit(rows, seed=self._seed, n_jobs=self._n_jobs, progress=progress)
        self._calibrator = Calibrator(self.fitted.ensemble.errors)

    def forecast(self, known: Known) -> Floats:
        """Quantiles of the log price, (n, len(LEVELS))."""
        fitted, calibrator = self._learnt()
        centre, scale = fitted.ensemble.forecast(known.features)
        quantiles: Floats = (known.level + centre)[:, None] + scale[:, None] * calibrator.residuals.quantiles(
            LEVELS
        )
        return quantiles

    def observe(self, known: Known, log_price: Floats) -> None:
        """Let the calibration adapt, as it does when serving."""
        fitted, calibrator = self._learnt()
        centre, scale = fitted.ensemble.forecast(known.features)
        calibrator.add((log_price - known.level - centre) / scale)

    def _learnt(self) -> tuple[Fitted, Calibrator]:
        if self.fitted is None or self._calibrator is None:
            raise RuntimeError("the model was asked before it had learnt")
        return self.fitted, self._calibrator


class Baseline:
    """A point forecast that `fit` makes from history, with the spread of its own newest errors."""

    def __init__(self, fit: Callable[[Known, Floats], Point]) -> None:
        self._fit = fit
        self._point: Point | None = None
        self._spread = np.zeros(len(LEVELS))

    def learn(self, known: Known, log_price: Floats, progress: Progress) -> None:
        """Fit on all but the newest fifth to see the errors there, then on everything."""
        progress("fitting a baseline", 0.0)
        edge = int(len(known) * (1 - NEWEST))
        older = self._fit(known[:edge], log_price[:edge])
        spread = np.quantile(log_price[edge:] - older(known[edge:]), LEVELS)
        # The middle stays what the baseline says, however biased: only the interval has the errors.
        self._spread = np.concatenate(
            (np.minimum(spread[:MIDDLE], 0.0), [0.0], np.maximum(spread[MIDDLE + 1 :], 0.0))
        )
        self._point = self._fit(known, log_price)

    def forecast(self, known: Known) -> Floats:
        """Quantiles of the log price, (n, len(LEVELS))."""
        if self._point is None:
            raise RuntimeError("the baseline was asked before it had learnt")
        quantiles: Floats = self._point(known)[:, None] + self._spread
        return quantiles

    def observe(self, known: Known, log_price: Floats) -> None:
        """Nothing: a baseline learns at the start of a day only."""


def static(known: Known, log_price: Floats) -> Point:
    """The median of class × breed count over the history; of all of it where that was never sold."""
    middle = float(np.median(log_price))
    medians = {int(group): float(np.median(log_price[known.group == group])) for group in set(known.group)}
    return lambda asked: np.array([medians.get(int(group), middle) for group in asked.group])


def comparable(known: Known, log_price: Floats) -> Point:
    """The trailing median of the same build, else of class × breed count: nothing is to be learnt."""
    del known, log_price
    return lambda asked: asked.comparable


def plain_forest(known: Known, log_price: Floats) -> Point:
    """One gradient-boosted forest on traits alone, with scikit-learn's own settings."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    forest = HistGradientBoostingRegressor(
        categorical_features=[index < KINDS for index in range(len(TRAITS))], random_state=0
    )
    forest.fit(binnable(plain_traits(known.traits)), log_price)
    return lambda asked: np.asarray(forest.predict(plain_traits(asked.traits)), dtype=np.float64)


def plain_traits(traits: Floats) -> Floats:
    """The traits with kinds past scikit-learn's limit as unknown; the common ones appear early."""
    kept = traits.copy()
    kinds = kept[:, :KINDS]
    kinds[kinds >= MAX_KINDS] = np.nan
    return kept


def baselines() -> dict[str, Forecaster]:
    """The three that every evaluation runs beside the model."""
    return {
        "static": Baseline(static),
        "comparable": Baseline(comparable),
        "plain_forest": Baseline(plain_forest),
    }
