"""Fitted members as flat numpy arrays, for forecasts in microseconds without scikit-learn in memory.

The arithmetic is scikit-learn's own, so the two agree to rounding; `ensemble` checks that before a version
is stored and again when it is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.members import Floats, Regressor
from models.quick import quicken
from models.trees import Tree, boosted, forest

Ints = NDArray[np.int64]

# Microseconds of one row, on one core: for choosing members, so they need be right only roughly.
_TEST_US, _NUMBER_US, _ENCODED_US = 0.006, 0.02, 30.0


class Part(Protocol):
    """Something that adds to forecasts."""

    def predict(self, X: Floats) -> Floats:
        """What it adds for X (n, features): an array (n, outputs)."""
        ...


@dataclass(frozen=True, slots=True)
class Encoding:
    """What `models.encoding.Encoder` learnt: numbers' statistics, and the tables of categories and pairs.

    The tables lie end to end in `columns`, each from its `start` on; `one` and `other` (tables,) are the
    categories that each is about, a category by itself going with one that is always 0. `sizes` are how
    many values each category has, `widths` (tables,) those of `other`. What has no column of the encoding
    has the one after the last.
    """

    categories: int
    fill: Floats
    low: Floats
    high: Floats
    mean: Floats
    scale: Floats
    one: Ints
    other: Ints
    sizes: Ints
    widths: Ints
    start: Ints
    columns: Ints

    def numbers(self, X: Floats) -> Floats:
        """Standardised numbers (n, features − categories)."""
        numbers = X[:, self.categories :]
        filled = np.where(np.isnan(numbers), self.fill, numbers)
        standard: Floats = (np.minimum(np.maximum(filled, self.low), self.high) - self.mean) / self.scale
        return standard

    def ones(self, X: Floats) -> Ints:
        """The columns of the encoding that are 1 for the categories of each row, (n, tables)."""
        held = np.zeros((len(X), self.categories + 1))
        held[:, :-1] = X[:, : self.categories]
        known = (held >= 0) & (held < self.sizes)
        code = np.where(known, held, 0).astype(np.int64)
        one, other = code.take(self.one, axis=1), code.take(self.other, axis=1)
        both = known.take(self.one, axis=1) & known.take(self.other, axis=1)
        return self.columns.take(np.where(both, self.start + one * self.widths + other, -1))


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear model on an encoding: `coefficients` are those of all its columns, then 0."""

    encoding: Encoding
    coefficients: Floats
    weight: Floats  # (outputs,)

    def predict(self, X: Floats) -> Floats:
        """What it adds, (n, outputs)."""
        numbers = self.encoding.numbers(X)
        ones = self.coefficients.take(self.encoding.ones(X))
        total = (numbers * self.coefficients[: numbers.shape[1]]).sum(axis=1) + ones.sum(axis=1)
        found: Floats = np.multiply.outer(total, self.weight)
        return found


@dataclass(frozen=True, slots=True)
class Net:
    """A net of rectified layers on an encoding: (weights (in, out), biases (out,)) of each, first to last.

    The first layer's weights end with a row of zeros, for what has no column.
    """

    encoding: Encoding
    layers: tuple[tuple[Floats, Floats], ...]
    weight: Floats  # (outputs,)

    def predict(self, X: Floats) -> Floats:
        """What it adds, (n, outputs)."""
        numbers = self.encoding.numbers(X)
        (first, bias), *rest = self.layers
        held = (
            numbers @ first[: numbers.shape[1]] + first.take(self.encoding.ones(X), axis=0).sum(axis=1) + bias
        )
        for weights, biases in rest:
            held = np.maximum(held, 0.0) @ weights + biases
        found: Floats = np.multiply.outer(held[:, 0], self.weight)
        return found


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
    weight: Floats = field(default_factory=lambda: np.ones(1))  # (outputs,)

    def predict(self, X: Floats) -> Floats:
        """What it adds, (n, outputs)."""
        numbers = X[:, self.categories :]
        asked = (np.where(np.isnan(numbers), self.fill, numbers) - self.mean) * self.scale
        near = min(self.near, len(self.targets))
        squares = (self.rows**2).sum(axis=1)
        found = np.empty(len(X))
        for index, row in enumerate(asked):
            distance = squares - 2.0 * (self.rows @ row)
            found[index] = self.targets[np.argpartition(distance, near - 1)[:near]].mean()
        return np.multiply.outer(found, self.weight)


@dataclass(frozen=True, slots=True)
class Compiled:
    """`offset` (outputs,) and the sum of the parts: each output a weighted sum of members, to rounding."""

    parts: tuple[Part, ...]
    offset: Floats

    def predict(self, X: Floats) -> Floats:
        """Forecasts for X, float64 (n, features) with NaN for unknown: an array (n, outputs)."""
        total = np.tile(self.offset, (len(X), 1))
        for part in self.parts:
            total += part.predict(X)
        return total


def kind(member: Regressor) -> str:
    """What a fitted member is: "boosted", "forest", "linear", "net" or "neighbours". TypeError for others."""
    last = member.steps[-1][1] if hasattr(member, "steps") else member
    names = {
        "HistGradientBoostingRegressor": "boosted",
        "PlainBins": "boosted",
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


def compile_members(members: Sequence[tuple[Floats, Regressor]], features: int) -> Compiled:
    """Flatten fitted members that take so many features. TypeError for unknown kinds.

    Each comes with weights (outputs,): how much of it goes into each output.
    """
    parts: list[Part] = []
    offset = np.zeros(len(members[0][0]))
    trees: list[Tree] = []
    for weight, member in members:
        match kind(member):
            case "boosted":
                found, baseline = boosted(member, weight, features)
                trees += found
                offset += baseline
            case "forest":
                trees += forest(member, weight)
            case "linear":
                encoder, ridge = (step for _, step in member.steps)  # type: ignore[attr-defined]
                parts.append(Linear(_encoding(encoder), np.append(ridge.coef_, 0.0), weight))
                offset += weight * float(ridge.intercept_)
            case "net":
                encoder, net = (step for _, step in member.steps)  # type: ignore[attr-defined]
                first, *rest = net.coefs_
                weights = (np.vstack((first, np.zeros((1, first.shape[1])))), *rest)
                layers = tuple(zip(weights, net.intercepts_, strict=True))
                parts.append(Net(_encoding(encoder), layers, weight))
            case "neighbours":
                parts.append(replace(member.kept_, weight=weight))  # type: ignore[attr-defined]
    if trees:
        parts.append(quicken(trees))
    return Compiled(tuple(parts), offset)


def cost_us(member: Regressor) -> float:
    """Roughly how many microseconds a compiled member takes for one row."""
    last: Any = member.steps[-1][1] if hasattr(member, "steps") else member
    match kind(member):
        case "boosted":
            return _TEST_US * float(sum(len(tree.nodes) // 2 for (tree,) in last._predictors))
        case "forest":
            return _TEST_US * float(sum(grown.tree_.node_count // 2 for grown in last.estimators_))
        case "neighbours":
            return 10 + _NUMBER_US * float(len(last.kept_.rows))
        case _:
            return _ENCODED_US


def _encoding(encoder: Any) -> Encoding:
    tables = encoder.tables_
    known = {columns[0]: shape[0] for columns, shape, _ in tables if len(columns) == 1}
    sizes = np.array([*(known[column] for column in range(encoder.categories)), 1], dtype=np.int64)
    other = np.array([(*columns, encoder.categories)[1] for columns, *_ in tables], dtype=np.int64)
    held = [np.where(table < 0, encoder.width_, table) for *_, table in tables]
    return Encoding(
        categories=encoder.categories,
        fill=encoder.fill_,
        low=encoder.low_,
        high=encoder.high_,
        mean=encoder.mean_,
        scale=encoder.scale_,
        one=np.array([columns[0] for columns, *_ in tables], dtype=np.int64),
        other=other,
        sizes=sizes,
        widths=sizes[other],
        start=np.cumsum([0, *map(len, held)])[:-1],
        columns=np.concatenate([*held, [encoder.width_]]).astype(np.int64),
    )
