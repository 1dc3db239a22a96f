"""The ensemble: members weighed by how they did on data newer than what they had learnt from.

Rows are in time order. The last three of five equal slices are each forecast by members that learnt
from everything before them; the weights come from the first two of those, the scale of the error from
the same, and the calibration and every reported metric from the newest slice, which had no say in
either. (Coverage is measured on that slice's later half with the quantiles of its earlier half.) The
members that serve are then fitted once more on all rows.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from models.compiled import Compiled, compile_members
from models.distribution import Residuals
from models.members import MEMBERS, Floats, Regressor

SLICES = 5
MIN_ROWS = 500
MIN_WEIGHT = 0.03
MIN_SCALE = 0.02
PROBES = 64
TOLERANCE = 1e-9
ROUNDS = 30  # of reweighting; the weights stand still after some ten
SMALL_ERROR = 0.02  # log price; errors below it count alike, so that a row that fits does not rule the rest

Progress = Callable[[str, float], None]


class TrainingError(Exception):
    """The data cannot give a model; the message says why."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Accuracy on the newest slice, in log price, with shares as fractions."""

    rows: int
    median_ape: float
    within_20: float
    r2_log: float
    rmse_log: float
    coverage_50: float
    coverage_80: float
    coverage_90: float


@dataclass(frozen=True, slots=True)
class Ensemble:
    """What serves: a log price and its scale, with the distribution of the error.

    `used` are the columns that the members see: one that never varied in training is left out.
    `probes` (PROBES, features) with `answers` (PROBES,) and `log_scales` (PROBES,), computed by the
    uncompiled members at training, let a loaded copy prove that it still computes what was trained.
    """

    feature_names: tuple[str, ...]
    used: NDArray[np.intp]
    weights: dict[str, float]
    mean: Compiled
    log_scale: Compiled
    residuals: Residuals
    probes: Floats
    answers: Floats
    log_scales: Floats

    def predict(self, X: Floats) -> Floats:
        """Log price relative to the market's level, (n,), for features (n, len(feature_names))."""
        return self.mean.predict(X[:, self.used])

    def scale(self, X: Floats) -> Floats:
        """Size of the error to expect, in log price, (n,)."""
        return np.maximum(np.exp(self.log_scale.predict(X[:, self.used])), MIN_SCALE)

    def verify(self) -> None:
        """Raise TrainingError if this copy does not reproduce the answers of its training."""
        X = self.probes[:, self.used]
        errors = (self.mean.predict(X) - self.answers, self.log_scale.predict(X) - self.log_scales)
        error = float(np.max(np.abs(errors)))
        if not error <= TOLERANCE:
            raise TrainingError(
                f"the stored model no longer computes what was trained (off by {error:.2g}): retrain it"
            )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained ensemble with what is worth knowing about its training.

    `newest_forecast` (metrics.rows,) is what members that had not seen the newest slice said of it.
    """

    ensemble: Ensemble
    metrics: Metrics
    members: dict[str, dict[str, float]]
    newest_forecast: Floats
    seconds: float


def fit(
    X: Floats,
    y: Floats,
    weight: Floats,
    feature_names: Sequence[str],
    *,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Progress = lambda _stage, _fraction: None,
) -> Fitted:
    """Train on rows in time order.

    X is (n, features) with NaN for unknown, y (n,) the log price relative to the market's level, weight
    (n,) positive. Folds and members run through joblib with `n_jobs` workers (any joblib backend).
    """
    started = time.perf_counter()
    if len(X) < MIN_ROWS:
        raise TrainingError(f"{len(X)} rows are too few to train on: at least {MIN_ROWS} are needed")
    if not (np.isfinite(y).all() and np.isfinite(weight).all()):
        raise TrainingError("targets and weights must be finite")
    edges = np.linspace(0, len(X), SLICES + 1).astype(int)
    first, newest = edges[2], edges[4]
    used = _varying(X[:first])
    full, X = X, np.ascontiguousarray(X[:, used])

    progress("cross-validating", 0.0)
    out_of_fold = _out_of_fold(X, y, weight, edges, seed, n_jobs, progress)
    early = slice(0, newest - first)  # within the out-of-fold rows
    names = list(MEMBERS)
    stacked = np.column_stack([out_of_fold[name] for name in names])
    weights = _weigh(stacked[early], y[first:newest], weight[first:newest])
    blend = stacked @ weights

    progress("calibrating", 0.75)
    residual = y[first:] - blend
    scale_member = _fit_scale(X[first:newest], residual[early], weight[first:newest], seed)
    scale = np.maximum(np.exp(np.asarray(scale_member.predict(X[newest:]))), MIN_SCALE)
    standardised = residual[early.stop :] / scale
    residuals = Residuals.fit(standardised)
    # Coverage is judged on rows that its own quantiles have not seen: the later half of the slice.
    half = len(standardised) // 2
    earlier = Residuals.fit(standardised[:half])
    metrics = _metrics(y[newest:], blend[early.stop :], standardised[half:], earlier)

    progress("fitting on everything", 0.8)
    kept = [(name, float(w)) for name, w in zip(names, weights, strict=True) if w > 0]
    final: list[Regressor] = Parallel(n_jobs=n_jobs)(
        delayed(_fit_member)(name, X, y, weight, seed) for name, _ in kept
    )
    mean = compile_members([(w, member) for (_, w), member in zip(kept, final, strict=True)])
    sample = np.linspace(0, len(X) - 1, PROBES).astype(int)
    answers = cast(
        Floats, np.sum([w * m.predict(X[sample]) for (_, w), m in zip(kept, final, strict=True)], axis=0)
    )
    log_scale = compile_members([(1.0, scale_member)])
    ensemble = Ensemble(
        tuple(feature_names),
        used,
        dict(kept),
        mean,
        log_scale,
        residuals,
        full[sample],
        answers,
        np.asarray(scale_member.predict(X[sample])),
    )
    ensemble.verify()
    progress("trained", 1.0)
    return Fitted(
        ensemble,
        metrics,
        _member_report(names, weights, stacked[early.stop :], y[newest:]),
        blend[early.stop :],
        time.perf_counter() - started,
    )


def _varying(X: Floats) -> NDArray[np.intp]:
    """Columns with at least two different known values in the rows that the first fold learns from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any known value is expected
        varies = np.nanmax(X, axis=0) > np.nanmin(X, axis=0)
    return np.flatnonzero(varies)


def _fit_member(name: str, X: Floats, y: Floats, weight: Floats, seed: int) -> Regressor:
    member = MEMBERS[name](seed)
    if name == "ridge":
        member.fit(X, y, ridge__sample_weight=weight)  # type: ignore[call-arg]
    else:
        member.fit(X, y, sample_weight=weight)
    return member


def _fold(
    name: str,
    X: Floats,
    y: Floats,
    weight: Floats,
    start: int,
    stop: int,
    seed: int,
) -> tuple[str, int, Floats]:
    member = _fit_member(name, X[:start], y[:start], weight[:start], seed)
    return name, start, np.asarray(member.predict(X[start:stop]))


def _out_of_fold(
    X: Floats,
    y: Floats,
    weight: Floats,
    edges: np.ndarray,
    seed: int,
    n_jobs: int,
    progress: Progress,
) -> dict[str, Floats]:
    folds = [(int(edges[i]), int(edges[i + 1])) for i in range(2, SLICES)]
    tasks = [(name, start, stop) for start, stop in folds for name in MEMBERS]
    first = folds[0][0]
    answer = {name: np.empty(len(X) - first) for name in MEMBERS}
    results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        delayed(_fold)(name, X, y, weight, start, stop, seed) for name, start, stop in tasks
    )
    for done, (name, start, forecast) in enumerate(results, 1):
        answer[name][start - first : start - first + len(forecast)] = forecast
        progress("cross-validating", 0.75 * done / len(tasks))
    return answer


def _weigh(forecasts: Floats, y: Floats, weight: Floats) -> Floats:
    """Non-negative weights of least absolute error, small ones dropped, the rest scaled to sum to one.

    Found by reweighted non-negative least squares. Plain squares would let the few absurd prices decide,
    and prefer the members that yield to them: it cost a tenth of the median error on real sales.
    """
    from scipy.optimize import nnls

    weights = np.full(forecasts.shape[1], 1 / forecasts.shape[1])
    for _ in range(ROUNDS):
        root = np.sqrt(weight / np.maximum(np.abs(y - forecasts @ weights), SMALL_ERROR))
        raw, _ = nnls(forecasts * root[:, None], y * root)
        if raw.sum() <= 0:
            raise TrainingError("no member forecasts better than nothing: the data holds no signal")
        weights = raw / raw.sum()
    weights[weights < MIN_WEIGHT] = 0.0
    return cast(Floats, weights / weights.sum())


def _fit_scale(X: Floats, residual: Floats, weight: Floats, seed: int) -> Regressor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    member = HistGradientBoostingRegressor(
        learning_rate=0.08,
        max_iter=40,
        max_leaf_nodes=8,
        min_samples_leaf=60,
        early_stopping=False,
        random_state=seed,
    )
    # The log of the absolute error: its mean is a robust, always positive measure of spread.
    return cast(Regressor, member.fit(X, np.log(np.abs(residual) + 0.01), sample_weight=weight))


def _metrics(y: Floats, forecast: Floats, standardised: Floats, residuals: Residuals) -> Metrics:
    error = y - forecast
    ape = np.abs(np.expm1(-error))  # |forecast − price| / price

    def covered(share: float) -> float:
        low, high = residuals.quantile(0.5 - share / 2), residuals.quantile(0.5 + share / 2)
        return float(np.mean((standardised >= low) & (standardised <= high)))

    return Metrics(
        rows=len(y),
        median_ape=float(np.median(ape)),
        within_20=float(np.mean(ape <= 0.2)),
        r2_log=float(1 - np.sum(error**2) / np.sum((y - y.mean()) ** 2)),
        rmse_log=float(np.sqrt(np.mean(error**2))),
        coverage_50=covered(0.5),
        coverage_80=covered(0.8),
        coverage_90=covered(0.9),
    )


def _member_report(
    names: list[str], weights: Floats, forecasts: Floats, y: Floats
) -> dict[str, dict[str, float]]:
    report = {}
    for index, name in enumerate(names):
        ape = np.abs(np.expm1(forecasts[:, index] - y))
        report[name] = {"weight": float(weights[index]), "median_ape": float(np.median(ape))}
    return report
