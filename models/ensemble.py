"""The ensemble: members weighed by how they did on data newer than what they had learnt from.

Rows are in time order. Two slices at the end are each forecast by members that learnt from what came
before them, less an embargo. Weights and the scale of the error come from the first; calibration and
every reported metric from the second, the newest, which had no say in either. The members that serve are
then fitted once more on all rows.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from models.compiled import Compiled, compile_members, cost_us
from models.distribution import Calibrator
from models.members import MEMBERS, Floats, Regressor, binnable, fit_member
from models.metrics import Metrics, measure

EDGES = (0.5, 0.75, 1.0)  # where the two slices begin and end, as shares of the rows
MIN_ROWS = 500
MIN_WEIGHT = 0.03
MIN_SCALE = 0.02
BUDGET_US = 220.0  # of one row through all members
PROBES = 64
TOLERANCE = 1e-12
CROSSED = 4  # parts of the earlier slice, the scale of each of which is learnt from the others
ROUNDS = 30  # of reweighting; the weights stand still after some ten
SMALL_ERROR = 0.02  # log price; errors below it count alike, so that a row that fits does not rule the rest

Progress = Callable[[str, float], None]
Overrides = Mapping[str, Mapping[str, Any]]


class TrainingError(Exception):
    """The data cannot give a model; the message says why."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is learnt from, in time order.

    X (n, features) float64 with NaN for unknown, the first `categories` columns of which are categories;
    y (n,) the log price relative to the market's level; weight (n,) positive; at (n,) seconds.
    """

    X: Floats
    y: Floats
    weight: Floats
    at: Floats
    names: tuple[str, ...]
    categories: int = 0
    embargo_s: float = 0.0

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Ensemble:
    """What serves: a log price and its scale, with the distribution of the error.

    `used` are the columns that the members see: one that never varied in training is left out. `errors`
    (n,) are the standardised residuals of the newest slice, the newest last. `typical`
    (features,) is a row with nothing remarkable. `compiled` gives log prices and logs of scales.
    `probes` (PROBES, features) with `answers` (PROBES, 2), computed by the uncompiled members at training,
    let a loaded copy prove that it still computes what was trained.
    """

    feature_names: tuple[str, ...]
    used: NDArray[np.intp]
    weights: dict[str, float]
    compiled: Compiled
    errors: Floats
    typical: Floats
    probes: Floats
    answers: Floats

    def forecast(self, X: Floats) -> tuple[Floats, Floats]:
        """Log price relative to the market's level, and size of the error to expect in it: (n,) each.

        X are features (n, len(feature_names)).
        """
        centre, log_scale = self.compiled.predict(X.take(self.used, axis=1)).T
        return centre, np.maximum(np.exp(log_scale), MIN_SCALE)

    def predict(self, X: Floats) -> Floats:
        """The log price alone."""
        return self.forecast(X)[0]

    def verify(self) -> None:
        """Raise TrainingError if this copy does not reproduce the answers of its training."""
        error = float(np.max(np.abs(self.compiled.predict(self.probes[:, self.used]) - self.answers)))
        if not error <= TOLERANCE:
            raise TrainingError(
                f"the stored model no longer computes what was trained (off by {error:.2g}): retrain it"
            )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained ensemble with what is worth knowing about its training.

    `forecast` and `scale` are what was said of the rows from `first` on by what had not learnt from them;
    the last `metrics.rows` of these are the newest slice. `left_out` says why a member has no weight.
    """

    ensemble: Ensemble
    metrics: Metrics
    members: dict[str, dict[str, float]]
    left_out: dict[str, str]
    first: int
    forecast: Floats
    scale: Floats
    seconds: float


def fit(
    rows: Rows,
    *,
    seed: int = 0,
    n_jobs: int = 1,
    budget_us: float = BUDGET_US,
    overrides: Overrides | None = None,
    progress: Progress = lambda _stage, _fraction: None,
) -> Fitted:
    """Train on rows in time order. Folds and members run through joblib (any backend of it).

    `overrides` are parameters by member, for `set_params`.
    """
    started = time.perf_counter()
    task = prepare(rows)
    recipe = Recipe(task.categories, seed, overrides or {})
    X, y, weight = task.X, task.y, task.weight
    (_, first, newest), _ = task.folds

    progress("cross-validating", 0.0)
    stacked, costs = _out_of_fold(task, recipe, n_jobs, progress)
    early, late = slice(0, newest - first), slice(newest - first, None)
    weights, left_out = _choose(stacked[early], y[first:newest], weight[first:newest], costs, budget_us)
    blend = stacked @ weights

    progress("calibrating", 0.75)
    residual = y[first:] - blend
    scale_member = _fit_scale(X[first:newest], residual[early], weight[first:newest], seed)
    scale = np.empty(len(residual))
    scale[early] = _crossed_scale(X[first:newest], residual[early], weight[first:newest], seed)
    scale[late] = scale_member.predict(X[newest:])
    scale = np.maximum(np.exp(scale), MIN_SCALE)

    progress("fitting on everything", 0.8)
    kept = [(name, float(w)) for name, w in zip(MEMBERS, weights, strict=True) if w > 0]
    final: list[Regressor] = Parallel(n_jobs=n_jobs)(
        delayed(_fit_member)(X, y, weight, recipe, name) for name, _ in kept
    )
    weighed = [(w, member) for (_, w), member in zip(kept, final, strict=True)]
    sample = np.linspace(0, len(X) - 1, PROBES).astype(int)
    ensemble = Ensemble(
        rows.names,
        task.used,
        dict(kept),
        compile_members(
            [*((np.array([w, 0.0]), member) for w, member in weighed), (np.array([0.0, 1.0]), scale_member)],
            X.shape[1],
        ),
        (residual / scale)[late][-Calibrator.WINDOW :],
        _typical(rows),
        rows.X[sample],
        np.stack(
            (
                np.sum([w * member.predict(X[sample]) for w, member in weighed], axis=0),
                scale_member.predict(X[sample]),
            ),
            axis=1,
        ),
    )
    ensemble.verify()
    progress("trained", 1.0)
    return Fitted(
        ensemble,
        measure(y[newest:], blend[late], scale[late]),
        _member_report(weights, costs, stacked[late], y[newest:]),
        left_out,
        first,
        blend,
        scale,
        time.perf_counter() - started,
    )


@dataclass(frozen=True, slots=True)
class Task:
    """Rows made ready: the `used` columns, `categories` of which are such, and the folds.

    A fold is where learning stops, and where the slice that it is judged on begins and ends.
    """

    X: Floats
    y: Floats
    weight: Floats
    used: NDArray[np.intp]
    categories: int
    folds: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How members are made. Kept apart from the arrays, which a cluster is sent once."""

    categories: int
    seed: int
    overrides: Overrides


def prepare(rows: Rows) -> Task:
    """Columns worth learning from, and the folds. Raises TrainingError where the rows are no good."""
    if len(rows) < MIN_ROWS:
        raise TrainingError(f"{len(rows)} rows are too few to train on: at least {MIN_ROWS} are needed")
    if not (np.isfinite(rows.y).all() and np.isfinite(rows.weight).all()):
        raise TrainingError("targets and weights must be finite")
    first, newest, end = (int(len(rows) * edge) for edge in EDGES)
    # What became known only lately is learnt from too: each fold leaves out what it does not know yet.
    used = _varying(rows.X[: _embargoed(rows, newest)])
    return Task(
        np.ascontiguousarray(rows.X[:, used]),
        rows.y,
        rows.weight,
        used,
        int((used < rows.categories).sum()),
        ((_embargoed(rows, first), first, newest), (_embargoed(rows, newest), newest, end)),
    )


def _embargoed(rows: Rows, start: int) -> int:
    """Where learning ends for a slice that begins at a row: what came just before tells too much of it."""
    return int(np.searchsorted(rows.at[:start], rows.at[start] - rows.embargo_s, side="right"))


def _varying(X: Floats) -> NDArray[np.intp]:
    """Columns with at least two different known values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any known value is expected
        varies = np.nanmax(X, axis=0) > np.nanmin(X, axis=0)
    return np.flatnonzero(varies)


def _typical(rows: Rows) -> Floats:
    """A row with nothing remarkable: unknown categories, and the middle of every number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        middle: Floats = np.nanmedian(rows.X, axis=0)
    middle[: rows.categories] = np.nan
    return middle


def newest_forecast(
    rows: Rows,
    weights: Mapping[str, float],
    count: int,
    *,
    seed: int = 0,
    n_jobs: int = 1,
    overrides: Overrides | None = None,
) -> Floats:
    """What weighed members say of the newest rows, (count,), having learnt from what came before these."""
    task = prepare(rows)
    start = len(rows) - count
    recipe = Recipe(task.categories, seed, overrides or {})
    fold = (_embargoed(rows, start), start, len(rows))
    found = Parallel(n_jobs=n_jobs)(
        delayed(judge)(task.X, task.y, task.weight, recipe, name, fold) for name in weights
    )
    return cast(Floats, np.sum([weights[name] * forecast for name, _, forecast, _ in found], axis=0))


def competing() -> list[str]:
    """The names of the members."""
    return list(MEMBERS)


def make_member(name: str, categories: int, seed: int, overrides: Overrides) -> Regressor:
    """A fresh member of `MEMBERS`, with its overrides."""
    member = MEMBERS[name](categories, seed)
    if name in overrides:
        member.set_params(**overrides[name])  # type: ignore[attr-defined]
    return member


def _fit_member(X: Floats, y: Floats, weight: Floats, recipe: Recipe, name: str) -> Regressor:
    member = make_member(name, recipe.categories, recipe.seed, recipe.overrides)
    return fit_member(member, X, y, weight)


def judge(
    X: Floats, y: Floats, weight: Floats, recipe: Recipe, name: str, fold: tuple[int, int, int]
) -> tuple[str, int, Floats, float]:
    """A member's forecasts of a fold's slice: its name, where the slice begins, these, and its cost in µs."""
    stop, start, end = fold
    known = _varying(X[:stop])
    recipe = replace(recipe, categories=int((known < recipe.categories).sum()))
    member = _fit_member(X[:stop, known], y[:stop], weight[:stop], recipe, name)
    return name, start, np.asarray(member.predict(X[start:end, known])), cost_us(member)


def _out_of_fold(task: Task, recipe: Recipe, n_jobs: int, progress: Progress) -> tuple[Floats, Floats]:
    """Forecasts of every member for the rows of all folds, (rows, members), and their costs, (members,)."""
    names, first = list(MEMBERS), task.folds[0][1]
    # The dearest first, so that no worker is left alone with one at the end.
    jobs = [(name, fold) for fold in reversed(task.folds) for name in names]
    found = np.empty((len(task.y) - first, len(names)))
    costs = np.zeros(len(names))
    results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        delayed(judge)(task.X, task.y, task.weight, recipe, *job) for job in jobs
    )
    for done, (name, start, forecast, cost) in enumerate(results, 1):
        column = names.index(name)
        found[start - first : start - first + len(forecast), column] = forecast
        costs[column] = max(costs[column], cost)
        progress("cross-validating", 0.75 * done / len(jobs))
    return found, costs


def _choose(
    forecasts: Floats, y: Floats, weight: Floats, costs: Floats, budget_us: float
) -> tuple[Floats, dict[str, str]]:
    """Weights of the members that help and together keep the latency budget, and why others are left out."""
    names = np.array(list(MEMBERS))
    allowed = costs <= budget_us
    left_out = {str(name): "too slow by itself" for name in names[~allowed]}
    while allowed.any():
        weights = np.zeros(len(names))
        weights[allowed] = _weigh(forecasts[:, allowed], y, weight)
        kept = weights > 0
        left_out |= {str(name): "does not help" for name in names[allowed & ~kept]}
        if costs[kept].sum() <= budget_us:
            return weights, left_out
        # The one that gives least for its time goes first.
        worst = int(np.flatnonzero(kept)[np.argmin(weights[kept] / costs[kept])])
        allowed = kept.copy()
        allowed[worst] = False
        left_out[str(names[worst])] = "would break the latency budget"
    raise TrainingError(f"no member forecasts within the latency budget of {budget_us:g} µs")


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
    from models.boosting import PlainBins

    member = PlainBins(
        learning_rate=0.08,
        max_iter=50,
        max_leaf_nodes=10,
        min_samples_leaf=60,
        early_stopping=False,
        random_state=seed,
    )
    # The log of the absolute error: its mean is a robust, always positive measure of spread.
    return cast(Regressor, member.fit(binnable(X), np.log(np.abs(residual) + 0.01), sample_weight=weight))


def _crossed_scale(X: Floats, residual: Floats, weight: Floats, seed: int) -> Floats:
    """The log of every row's scale, (n,), as learnt from the other parts of the slice alone.

    A scale that has seen the error which it is held against follows it: the error then looks smaller than
    it is, and intervals made of such errors cover too little.
    """
    found = np.empty(len(residual))
    for part in np.array_split(np.arange(len(residual)), CROSSED):
        others = np.delete(np.arange(len(residual)), part)
        found[part] = _fit_scale(X[others], residual[others], weight[others], seed).predict(X[part])
    return found


def _member_report(
    weights: Floats, costs: Floats, forecasts: Floats, y: Floats
) -> dict[str, dict[str, float]]:
    report = {}
    for index, name in enumerate(MEMBERS):
        error = forecasts[:, index] - y
        report[name] = {
            "weight": float(weights[index]),
            "median_ape": float(np.median(np.abs(np.expm1(error)))),
            "mae_log": float(np.mean(np.abs(error))),
            "cost_us": float(costs[index]),
        }
    return report
