"""Fitted members as flat numpy arrays, for forecasts in microseconds without scikit-learn in memory.

All trees of all members are walked together, one level at a time: one row through several hundred
trees is a handful of numpy calls for each level of the deepest one. The arithmetic is that of
scikit-learn (forests compare single-precision features, boosting double-precision ones), so the two
agree to rounding; `ensemble` checks that before a version is stored and again when it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.members import Floats, Regressor

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Trees:
    """Trees laid end to end. A leaf is its own child on both sides, so walking on does no harm.

    `child[2 * node]` is where a row goes whose feature is above the threshold, `child[2 * node + 1]`
    otherwise. `roots`, `scale` and `member` have one entry a tree.
    """

    feature: Ints
    threshold: Floats
    nan_left: NDArray[np.bool_]
    child: Ints
    value: Floats
    roots: Ints
    scale: Floats
    depth: int

    def predict(self, single: Floats, double: Floats, uses_single: NDArray[np.bool_]) -> Floats:
        """Weighted sum over the trees, an array (n,).

        `single` and `double` are the rows (n, features) as the forests and as the boosted trees see
        them; `uses_single` says for each tree which.
        """
        rows, features = double.shape
        both = np.concatenate((double, single), axis=1).ravel()
        stride = 2 * features
        # Every node's feature index, shifted into the half of the row that its tree reads.
        node = np.broadcast_to(self.roots, (rows, len(self.roots)))
        shift = np.where(uses_single, features, 0)
        base = (np.arange(rows) * stride)[:, None] + shift[None, :]
        missing = bool(np.isnan(both).any())
        for _ in range(self.depth):
            x = both[base + self.feature[node]]
            left = x <= self.threshold[node]
            if missing:
                left |= np.isnan(x) & self.nan_left[node]
            node = self.child[2 * node + left]
        total: Floats = self.value[node] @ self.scale
        return total


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear model over features of which unknown ones are filled and extreme ones clipped, (features,)."""

    coefficients: Floats
    fill: Floats
    low: Floats
    high: Floats

    def predict(self, X: Floats) -> Floats:
        """Weighted sum over the features, without the intercept: an array (n,)."""
        known = np.where(np.isnan(X), self.fill, X)
        total: Floats = np.clip(known, self.low, self.high) @ self.coefficients
        return total


@dataclass(frozen=True, slots=True)
class Compiled:
    """A weighted sum of trees and linear models: `offset + trees(x) + linear(x)`.

    Equal to `sum(weight * member.predict(X))` of the members it was compiled from, to rounding.
    """

    trees: Trees | None
    uses_single: NDArray[np.bool_]
    linear: tuple[Linear, ...]
    offset: float

    def predict(self, X: Floats) -> Floats:
        """Forecast for X, float64 (n, features) with NaN for unknown: an array (n,)."""
        total = np.full(len(X), self.offset)
        if self.trees is not None:
            # scikit-learn's forests read single-precision features; NaN and order survive the cast.
            single = X.astype(np.float32).astype(np.float64)
            total += self.trees.predict(single, X, self.uses_single)
        for linear in self.linear:
            total += linear.predict(X)
        return total


def compile_members(members: list[tuple[float, Regressor]]) -> Compiled:
    """Flatten fitted (weight, member) pairs. Raises TypeError for a kind of member it does not know."""
    trees: list[tuple[dict[str, NDArray[Any]], float, bool]] = []
    linear: list[Linear] = []
    offset = 0.0
    for weight, member in members:
        name = type(member).__name__
        if name == "HistGradientBoostingRegressor":
            boosted, baseline = _boosted(member)
            offset += weight * baseline
            trees.extend((tree, weight, False) for tree in boosted)
        elif name in ("ExtraTreesRegressor", "RandomForestRegressor"):
            forest = _forest(member)
            trees.extend((tree, weight / len(forest), True) for tree in forest)
        elif name == "Pipeline":
            model, intercept = _linear(member, weight)
            linear.append(model)
            offset += weight * intercept
        else:
            raise TypeError(f"cannot compile a {name}")
    uses_single = np.array([single for _, _, single in trees], dtype=bool)
    flat = _join([(tree, scale) for tree, scale, _ in trees]) if trees else None
    return Compiled(flat, uses_single, tuple(linear), offset)


def _join(trees: list[tuple[dict[str, NDArray[Any]], float]]) -> Trees:
    sizes = np.array([len(tree["feature"]) for tree, _ in trees])
    roots = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int32)
    parts = [tree for tree, _ in trees]
    child = np.concatenate([tree["child"] + root for tree, root in zip(parts, roots, strict=True)])
    return Trees(
        feature=np.concatenate([tree["feature"] for tree in parts]).astype(np.int32),
        threshold=np.concatenate([tree["threshold"] for tree in parts]),
        nan_left=np.concatenate([tree["nan_left"] for tree in parts]).astype(bool),
        child=child.astype(np.int32),
        value=np.concatenate([tree["value"] for tree in parts]),
        roots=roots,
        scale=np.array([scale for _, scale in trees]),
        depth=max(int(tree["depth"]) for tree in parts),
    )


def _flat(
    feature: NDArray[Any],
    threshold: NDArray[Any],
    nan_left: NDArray[Any],
    left: NDArray[Any],
    right: NDArray[Any],
    value: NDArray[Any],
    leaf: NDArray[Any],
) -> dict[str, NDArray[Any]]:
    own = np.arange(len(feature))
    child = np.empty(2 * len(feature), dtype=np.int64)
    child[0::2] = np.where(leaf, own, right)
    child[1::2] = np.where(leaf, own, left)
    return {
        "feature": np.where(leaf, 0, feature),
        "threshold": np.where(leaf, 0.0, threshold).astype(np.float64),
        "nan_left": nan_left.astype(bool),
        "child": child,
        "value": np.where(leaf, value, 0.0).astype(np.float64),
        "depth": np.array(_depth(left, right, leaf)),
    }


def _depth(left: NDArray[Any], right: NDArray[Any], leaf: NDArray[Any]) -> int:
    level, depth = np.array([0]), 0
    while True:
        inner = level[~leaf[level].astype(bool)]
        if not len(inner):
            return depth
        level, depth = np.concatenate((left[inner], right[inner])).astype(int), depth + 1


def _boosted(member: Any) -> tuple[list[dict[str, NDArray[Any]]], float]:
    trees = []
    for (predictor,) in member._predictors:  # one tree an iteration for a single target
        n = predictor.nodes
        if n["is_categorical"].any():
            raise TypeError("cannot compile categorical splits")
        trees.append(
            _flat(
                n["feature_idx"].astype(np.int64),
                n["num_threshold"],
                n["missing_go_to_left"],
                n["left"].astype(np.int64),
                n["right"].astype(np.int64),
                n["value"],
                n["is_leaf"].astype(bool),
            )
        )
    return trees, float(np.ravel(member._baseline_prediction)[0])


def _forest(member: Any) -> list[dict[str, NDArray[Any]]]:
    trees = []
    for estimator in member.estimators_:
        t = estimator.tree_
        leaf = t.children_left < 0
        trees.append(
            _flat(
                t.feature,
                t.threshold,
                t.missing_go_to_left,
                t.children_left,
                t.children_right,
                t.value[:, 0, 0],
                leaf,
            )
        )
    return trees


def _linear(member: Any, weight: float) -> tuple[Linear, float]:
    imputer, clipper, scaler, ridge = (step for _, step in member.steps)
    w = ridge.coef_ / scaler.scale_
    fill = np.asarray(imputer.statistics_, dtype=np.float64)
    return Linear(weight * w, fill, clipper.low_, clipper.high_), float(ridge.intercept_ - scaler.mean_ @ w)
