"""The learning curve: whether more rows would make a better model, by one member that is quick to fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed

from models.ensemble import Recipe, competing, judge
from models.rows import Rows, Task, prepare

SHARES = (0.1, 0.2, 0.35, 0.6, 1.0)
QUICK = "boosting_squared"
SMALL = {"max_iter": 40, "max_leaf_nodes": 20, "learning_rate": 0.12}


@dataclass(frozen=True, slots=True)
class Point:
    """The mean absolute log error on the newest slice after learning from so many rows."""

    rows: int
    mae_log: float


def learning_curve(rows: Rows, *, seed: int = 0, n_jobs: int = 1) -> list[Point]:
    """Learn from ever more of the rows that come just before the newest slice."""
    task = prepare(rows)
    stop = task.folds[-1][0]
    counts = [int(stop * share) for share in SHARES]
    found = Parallel(n_jobs=n_jobs)(delayed(_error)(task, stop - count, seed) for count in counts)
    return [Point(count, error) for count, error in zip(counts, found, strict=True)]


def _error(task: Task, first: int, seed: int) -> float:
    name = QUICK if QUICK in competing() else competing()[0]
    recipe = Recipe(task.categories, seed, {QUICK: SMALL})
    stop, start, end = task.folds[-1]
    fold = (stop - first, start - first, end - first)
    _, _, forecast, _ = judge(task.X[first:], task.y[first:], task.weight[first:], recipe, name, fold)
    return float(np.mean(np.abs(task.y[start:end] - forecast)))
