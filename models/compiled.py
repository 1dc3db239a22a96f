"""Fitted members as flat numpy arrays, for forecasts in microseconds without scikit-learn in memory.

The arithmetic is scikit-learn's own, so the two agree to rounding; `ensemble` checks that before a version
is stored and again when it is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.deep import flatten
from models.members import Floats, Regressor
from models.quick import quicken

# Microseconds of one row, on one core: for choosing members, so they need be right only roughly.
_TEST_US, _WALK_US, _NUMBER_US, _TABLE_US = 0.006, 0.1, 0.02, 0.6


class Part(Protocol):
    """Something that adds to a forecast."""

    def predict(self, X: Floats) -> Floats:
        """What it adds for X (n, features): an array (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Encoding:
    """What `models.encoding.Encoder` learnt: numbers' statistics, and the tables of categories and pairs."""

    categories: int
    fill: Floats
    low: Floats
    high: Floats
    mean: Floats
    scale: Floats
    tables: tuple[tuple[tuple[int, ...], tuple[int, ...], NDArray[np.int64]], ...]

    def numbers(self, X: Floats) -> Floats:
        """Standardised numbers (n, features − categories)."""
        numbers = X[:, self.categories :]
        filled = np.where(np.isnan(numbers), self.fill, numbers)
        standard: Floats = (np.clip(filled, self.low, self.high) - self.mean) / self.scale
        return standard

    def columns(self, row: list[float]) -> list[int]:
        """The columns of the encoding that are 1 for a row's categories."""
        found = []
        for columns, sizes, table in self.tables:
            value = 0
            for column, size in zip(columns, sizes, strict=True):
                held = row[column]
                if not 0 <= held < size:
                    value = -1
                    break
                value = value * size + int(held)
            if value >= 0 and (place := int(table[value])) >= 0:
                found.append(place)
        return found


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear model on an encoding: `coefficients` are those of all its columns, weight included."""

    encoding: Encoding
    coefficients: Floats

    def predict(self, X: Floats) -> Floats:
        """What it adds, (n,)."""
        numbers = self.encoding.numbers(X)
        total: Floats = (numbers * self.coefficients[: numbers.shape[1]]).sum(axis=1)
        for index, row in enumerate(X[:, : self.encoding.categories].tolist()):
            total[index] += self.coefficients[self.encoding.columns(row)].sum()
        return total


@dataclass(frozen=True, slots=True)
class Net:
    """A net of rectified layers on an encoding: (weights (in, out), biases (out,)) of each, first to last."""

    encoding: Encoding
    layers: tuple[tuple[Floats, Floats], ...]
    weight: float

    def predict(self, X: Floats) -> Floats:
        """What it adds, (n,)."""
        numbers = self.encoding.numbers(X)
        (first, bias), *rest = self.layers
        found = np.empty(len(X))
        for index, row in enumerate(X[:, : self.encoding.categories].tolist()):
            held = numbers[index] @ first[: numbers.shape[1]] + first[self.encoding.columns(row)].sum(axis=0)
            held = held + bias
            for weights, biases in rest:
                held = np.maximum(held, 0.0) @ weights + biases
            found[index] = held[0]
        return self.weight * found


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The weighted mean target of the `near` nearest of some kept rows (see `models.neighbours`).

    `rows` (kept, numbers) and `targets` (kept,); `fill`, `mean` and `scale` (numbers,) make a row of X
    comparable with them.
    """

    categories: int
    near: int
    fill: Floats
    mean: Floats
    scale: Floats
    rows: Floats
    targets: Floats
    weight: float = 1.0

    def predict(self, X: Floats) -> Floats:
        """What it adds, (n,)."""
        numbers = X[:, self.categories :]
        asked = (np.where(np.isnan(numbers), self.fill, numbers) - self.mean) * self.scale
        near = min(self.near, len(self.targets))
        squares = (self.rows**2).sum(axis=1)
        found = np.empty(len(X))
        for index, row in enumerate(asked):
            distance = squares - 2.0 * (self.rows @ row)
            found[index] = self.targets[np.argpartition(distance, near - 1)[:near]].mean()
        return self.weight * found


@dataclass(frozen=True, slots=True)
class Compiled:
    """`offset` and the sum of the parts: equal to `sum(weight * member.predict(X))`, to rounding."""

    parts: tuple[Part, ...]
    offset: float

    def predict(self, X: Floats) -> Floats:
        """Forecast for X, float64 (n, features) with NaN for unknown: an array (n,)."""
        total = np.full(len(X), self.offset)
        for part in self.parts:
            total += part.predict(X)
        return total


def kind(member: Regressor) -> str:
    """What a fitted member is: "boosted", "forest", "linear", "net" or "neighbours". TypeError for others."""
    last = member.steps[-1][1] if hasattr(member, "steps") else member
    names = {
        "HistGradientBoostingRegressor": "boosted",
        "ExtraTreesRegressor": "forest",
        "RandomForestRegressor": "forest",
        "Ridge": "linear",
        "MLPRegressor": "net",
        "TorchRegressor": "net",
        "NewestNeighbours": "neighbours",
    }
    try:
        return names[type(last).__name__]
    except KeyError:
        raise TypeError(f"cannot compile a {type(last).__name__}") from None


def compile_members(members: Sequence[tuple[float, Regressor]], features: int) -> Compiled:
    """Flatten fitted (weight, member) pairs that take so many features. TypeError for unknown kinds."""
    parts: list[Part] = []
    offset = 0.0
    if boosted := [pair for pair in members if kind(pair[1]) == "boosted"]:
        trees, baseline = quicken(boosted, features)
        parts.append(trees)
        offset += baseline
    if forests := [pair for pair in members if kind(pair[1]) == "forest"]:
        parts.append(flatten(forests))
    for weight, member in members:
        match kind(member):
            case "linear":
                encoder, ridge = (step for _, step in member.steps)  # type: ignore[attr-defined]
                parts.append(Linear(_encoding(encoder), weight * ridge.coef_))
                offset += weight * float(ridge.intercept_)
            case "net":
                encoder, net = (step for _, step in member.steps)  # type: ignore[attr-defined]
                layers = tuple(zip(net.coefs_, net.intercepts_, strict=True))
                parts.append(Net(_encoding(encoder), layers, weight))
            case "neighbours":
                parts.append(replace(member.kept_, weight=weight))  # type: ignore[attr-defined]
    return Compiled(tuple(parts), offset)


def cost_us(member: Regressor) -> float:
    """Roughly how many microseconds a compiled member takes for one row."""
    last: Any = member.steps[-1][1] if hasattr(member, "steps") else member
    match kind(member):
        case "boosted":
            return _TEST_US * float(sum(len(tree.nodes) // 2 for (tree,) in last._predictors))
        case "forest":
            depth = max(estimator.tree_.max_depth for estimator in last.estimators_)
            return _WALK_US * float(depth * len(last.estimators_))
        case "neighbours":
            return 10 + _NUMBER_US * float(len(last.kept_.rows))
        case _:
            encoder: Any = member.steps[0][1]  # type: ignore[attr-defined]
            return 15 + _TABLE_US * float(len(encoder.tables_))


def _encoding(encoder: Any) -> Encoding:
    return Encoding(
        encoder.categories,
        encoder.fill_,
        encoder.low_,
        encoder.high_,
        encoder.mean_,
        encoder.scale_,
        tuple(encoder.tables_),
    )
