"""Better parameters for the members: a random search within a time budget.

Candidates follow from the seed alone, and each is judged by its error on the earlier out-of-fold slice,
as the weights are; the newest slice, which the figures come from, has no say. No candidate may have more
leaves, or keep more rows, than what it would replace. Trials are kept as they end, so that a search that
was interrupted goes on, and one that had its time ends at once with the same result.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from models.ensemble import Overrides, Progress, Recipe, competing, judge, make_member
from models.members import MOST_LEAVES, Floats
from models.registry import Objects
from models.rows import Rows, Task, prepare

FEWEST_LEAVES = 12
MOST_TREES = 400
SPACE = 3  # to be raised whenever candidates or their judgement change


@dataclass(frozen=True, slots=True)
class Found:
    """The best parameters by member, those that are the defaults left out, with what the search tells."""

    overrides: Overrides
    facts: dict[str, Any]


def search(
    rows: Rows,
    *,
    seconds: float,
    seed: int = 0,
    n_jobs: int = 1,
    store: Objects | None = None,
    now: Callable[[], float] = time.monotonic,
    progress: Progress = lambda _stage, _fraction: None,
) -> Found:
    """Try candidates until the budget is spent, what earlier runs on the same rows have spent included.

    Each member's defaults are its first candidate, so nothing worse than these is ever found. Raises
    TrainingError where the rows are no good.
    """
    task = prepare(rows)
    members = [name for name in SPACES if name in competing()]
    kept = _Kept(store, f"search/{_digest(task, seed)}.jsonl")
    at_once = max(effective_n_jobs(n_jobs), len(members))
    spent = kept.spent()
    while members and spent < seconds:
        progress("searching parameters", spent / seconds)
        began = now()
        first = len(kept.errors)
        batch = range(first, first + at_once)
        errors = Parallel(n_jobs=n_jobs)(
            delayed(_trial)(task.X, task.y, task.weight, _recipe(task, members, number, seed), task.folds[0])
            for number in batch
        )
        took = max(now() - began, 1e-3)
        kept.add(errors, took)
        spent += took
    return _best(task, members, kept.errors, seed, spent)


def candidate(task: Task, name: str, number: int, seed: int) -> dict[str, Any]:
    """A member's parameters of that number; number 0 are its defaults."""
    if number == 0:
        return {}
    rng = np.random.default_rng([seed, list(SPACES).index(name), number])
    defaults = make_member(name, task.categories, seed, {}).get_params()  # type: ignore[attr-defined]
    return SPACES[name](rng, defaults)


Parameters = dict[str, Any]


def _boosted(rng: np.random.Generator, defaults: Parameters) -> Parameters:
    leaves = _whole(rng, FEWEST_LEAVES, MOST_LEAVES)
    dearest = defaults["max_iter"] * defaults["max_leaf_nodes"]
    return {
        "learning_rate": round(_scaled(rng, 0.03, 0.2), 4),
        "max_leaf_nodes": leaves,
        "max_iter": max(1, int(min(MOST_TREES, dearest // leaves) * rng.uniform(0.6, 1.0))),
        "min_samples_leaf": _whole(rng, 5, 80),
        "l2_regularization": round(_scaled(rng, 0.1, 20.0), 3),
        "max_features": round(float(rng.uniform(0.3, 1.0)), 3),
    }


def _forest(rng: np.random.Generator, _defaults: Parameters) -> Parameters:
    return {
        "min_samples_leaf": _whole(rng, 2, 30),
        "max_features": round(float(rng.uniform(0.2, 0.9)), 3),
        "max_samples": round(_scaled(rng, 0.1, 0.7), 3),
    }


def _ridge(rng: np.random.Generator, _defaults: Parameters) -> Parameters:
    return {"ridge__alpha": round(_scaled(rng, 3.0, 300.0), 2)}


def _nearest(rng: np.random.Generator, _defaults: Parameters) -> Parameters:
    return {"near": _whole(rng, 4, 40)}


SPACES: Mapping[str, Callable[[np.random.Generator, Parameters], Parameters]] = {
    "boosting_absolute": _boosted,
    "boosting_squared": _boosted,
    "random_forest": _forest,
    "linear": _ridge,
    "neighbours": _nearest,
}
"""How a member's candidates are drawn. A net learns for so long and no longer, and is left as it is."""


class _Kept:
    """The errors of trials, in the order of their numbers, kept as JSON lines."""

    def __init__(self, store: Objects | None, key: str) -> None:
        self._store, self._key = store, key
        self.errors: list[float] = []
        self._lines: list[str] = []
        self._spent = 0.0
        for line in self._stored():
            try:
                trial = json.loads(line)
                error, took = float(trial["error"]), float(trial["seconds"])
            except (ValueError, KeyError, TypeError, RecursionError):
                break  # what follows a damaged line is tried again
            if trial.get("trial") != len(self.errors) or not np.isfinite([error, took]).all():
                break
            self._append(error, took)

    def spent(self) -> float:
        """Seconds that the trials took."""
        return self._spent

    def add(self, errors: list[float], took: float) -> None:
        """Keep the trials that ran side by side for so many seconds."""
        for error in errors:
            self._append(error, took / len(errors))
        if self._store is not None:
            self._store.put(self._key, "".join(f"{line}\n" for line in self._lines).encode())

    def _append(self, error: float, took: float) -> None:
        self._lines.append(json.dumps({"trial": len(self.errors), "error": error, "seconds": took}))
        self.errors.append(error)
        self._spent += took

    def _stored(self) -> list[str]:
        if self._store is None:
            return []
        try:
            return self._store.get(self._key).decode(errors="replace").splitlines()
        except LookupError:
            return []


def _recipe(task: Task, members: list[str], number: int, seed: int) -> Recipe:
    """Members take turns."""
    name, turn = members[number % len(members)], number // len(members)
    return Recipe(task.categories, seed, {name: candidate(task, name, turn, seed)})


def _trial(X: Floats, y: Floats, weight: Floats, recipe: Recipe, fold: tuple[int, int, int]) -> float:
    (name,) = recipe.overrides
    _, start, forecast, _ = judge(X, y, weight, recipe, name, fold)
    judged = slice(start, start + len(forecast))
    return float(np.average(np.abs(y[judged] - forecast), weights=weight[judged]))


def _best(task: Task, members: list[str], errors: list[float], seed: int, spent: float) -> Found:
    overrides: dict[str, Mapping[str, Any]] = {}
    told: dict[str, Any] = {}
    for index, name in enumerate(members):
        tried = errors[index :: len(members)]
        if not tried:
            continue
        turn = int(np.argmin(tried))
        parameters = candidate(task, name, turn, seed)
        told[name] = {
            "error": round(tried[turn], 5), "default_error": round(tried[0], 5), "parameters": parameters,
        }  # fmt: skip
        if parameters:
            overrides[name] = parameters
    return Found(overrides, {"trials": len(errors), "seconds": round(spent, 1), "members": told})


def _digest(task: Task, seed: int) -> str:
    """What the errors of trials depend on: rows, seed, candidates, library."""
    import sklearn

    found = hashlib.sha256(f"{SPACE} {seed} {sklearn.__version__} {task.folds} {task.categories}".encode())
    for array in (task.X, task.y, task.weight):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:32]


def _scaled(rng: np.random.Generator, low: float, high: float) -> float:
    """Between two numbers, evenly by ratio."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _whole(rng: np.random.Generator, low: int, high: int) -> int:
    return min(high, int(_scaled(rng, low, high + 1)))
