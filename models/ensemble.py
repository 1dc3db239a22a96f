"""The ensemble: members weighed by how they did on data newer than what they had learnt from.

Rows are in time order. Two slices at the end are each forecast by members that learnt from what came
before them, less an embargo. Weights and the scale of the error come from the first; calibration and
every reported metric from the second, the newest, which had no say in either. The members that serve are
then fitted once more on all rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from joblib import Parallel, delayed

from models.compiled import compile_members, cost_us
from models.distribution import Calibrator
from models.members import MEMBERS, Floats, Regressor, fit_member
from models.metrics import Metrics, measure
from models.originals import Originals
from models.rows import Rows, Task, TrainingError, embargoed, prepare, typical, varying
from models.serving import MIN_SCALE, TOLERANCE, Ensemble
from models.spread import crossed_scale, fit_scale
from models.weighing import choose

BUDGET_US = 220.0  # of one row through all members
PROBES = 64

Progress = Callable[[str, float], None]
Overrides = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained ensemble with what is worth knowing about its training.

    `originals` are the members that the ensemble was compiled from.
    `forecast` and `scale` are what was said of the rows from `first` on by what had not learnt from them;
    the last `metrics.rows` of these are the newest slice. `left_out` says why a member has no weight.
    """

    ensemble: Ensemble
    originals: Originals
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
    weights, left_out = choose(
        list(MEMBERS), stacked[early], y[first:newest], weight[first:newest], costs, budget_us
    )
    blend = stacked @ weights

    progress("calibrating", 0.75)
    residual = y[first:] - blend
    scale_member = fit_scale(X[first:newest], residual[early], weight[first:newest], seed)
    scale = np.empty(len(residual))
    scale[early] = crossed_scale(X[first:newest], residual[early], weight[first:newest], seed)
    scale[late] = scale_member.predict(X[newest:])
    scale = np.maximum(np.exp(scale), MIN_SCALE)

    progress("fitting on everything", 0.8)
    kept = [(name, float(w)) for name, w in zip(MEMBERS, weights, strict=True) if w > 0]
    final: list[Regressor] = Parallel(n_jobs=n_jobs)(
        delayed(_fit_member)(X, y, weight, recipe, name) for name, _ in kept
    )
    originals = Originals(
        (
            *((np.array([w, 0.0]), member) for (_, w), member in zip(kept, final, strict=True)),
            (np.array([0.0, 1.0]), scale_member),
        )
    )
    sample = np.linspace(0, len(X) - 1, PROBES).astype(int)
    ensemble = Ensemble(
        rows.names,
        task.used,
        dict(kept),
        compile_members(originals.members, X.shape[1]),
        (residual / scale)[late][-Calibrator.WINDOW :],
        typical(rows),
        rows.X[sample],
        originals.predict(X[sample]),
    )
    if (off := ensemble.deviation()) > TOLERANCE:
        raise TrainingError(f"the compiled members do not compute what scikit-learn's do (off by {off:.2g})")
    progress("trained", 1.0)
    return Fitted(
        ensemble,
        originals,
        measure(y[newest:], blend[late], scale[late]),
        _member_report(weights, costs, stacked[late], y[newest:]),
        left_out,
        first,
        blend,
        scale,
        time.perf_counter() - started,
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """How members are made. Kept apart from the arrays, which a cluster is sent once."""

    categories: int
    seed: int
    overrides: Overrides


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
    fold = (embargoed(rows, start), start, len(rows))
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
    known = varying(X[:stop])
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
