"""What trees fitted by scikit-learn ask, and what their leaves say, for `models.quick`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.members import MOST_LEAVES, Floats


class Numeric(NamedTuple):
    """Whether a column is at most a value. `others` are the leaves that stand where it is not."""

    column: int
    value: float
    unknown_passes: bool
    others: np.uint64


class Categorical(NamedTuple):
    """Whether a column's value is among some of the known ones. `others` stand where it is not."""

    column: int
    passing: set[int]
    known: set[int]
    unknown_passes: bool
    others: np.uint64


@dataclass(slots=True)
class Tree:
    """The tests of one tree; its leaves, (64,) from left to right; what it counts for each output."""

    share: Floats
    numeric: list[Numeric] = field(default_factory=list)
    categorical: list[Categorical] = field(default_factory=list)
    values: Floats = field(default_factory=lambda: np.zeros(MOST_LEAVES))
    leaves: int = 0

    def leaf(self, value: float) -> int:
        """Take in the next leaf: its bit. TypeError where there are more than `MOST_LEAVES`."""
        if self.leaves == MOST_LEAVES:
            raise TypeError(f"cannot compile a tree of more than {MOST_LEAVES} leaves")
        self.values[self.leaves] = value
        self.leaves += 1
        return 1 << (self.leaves - 1)


def boosted(member: Any, weight: Floats, features: int) -> tuple[list[Tree], Floats]:
    """The trees of a HistGradientBoostingRegressor that takes so many features, and its baseline.

    `weight` (outputs,) is how much of it goes into each output.
    """
    columns, known = _columns(member, features)
    trees = []
    for (predictor,) in member._predictors:  # one tree an iteration for a single target
        tree = Tree(weight)
        _visit_boosted(tree, predictor, 0, columns, known)
        trees.append(tree)
    return trees, weight * float(np.ravel(member._baseline_prediction)[0])


def forest(member: Any, weight: Floats) -> list[Tree]:
    """The trees of a forest; `weight` (outputs,) is how much of it goes into each output."""
    trees = []
    for estimator in member.estimators_:
        tree = Tree(weight / len(member.estimators_))
        _visit_grown(tree, estimator.tree_, single(estimator.tree_.threshold), 0)
        trees.append(tree)
    return trees


def _columns(member: Any, features: int) -> tuple[list[int], list[list[int]]]:
    """Which column of X each of the member's own features is, and which values its categories stand for.

    It puts categories first, and numbers the values that it has seen.
    """
    categorical = member.is_categorical_
    if categorical is None:
        return list(range(features)), []
    columns = np.concatenate((np.flatnonzero(categorical), np.flatnonzero(~categorical))).tolist()
    encoder = member._preprocessor.named_transformers_["encoder"]
    return columns, [values[~np.isnan(values)].astype(int).tolist() for values in encoder.categories_]


def _visit_boosted(
    tree: Tree, predictor: Any, number: int, columns: list[int], known: list[list[int]]
) -> int:
    """Take in what is below a node: the bits of its leaves."""
    node = predictor.nodes[number]
    if node["is_leaf"]:
        return tree.leaf(node["value"])
    left = _visit_boosted(tree, predictor, int(node["left"]), columns, known)
    feature, passes = int(node["feature_idx"]), bool(node["missing_go_to_left"])
    column, others = columns[feature], ~np.uint64(left)
    if node["is_categorical"]:
        bits = np.unpackbits(
            predictor.raw_left_cat_bitsets[node["bitset_idx"]].view(np.uint8), bitorder="little"
        )
        passing = {value for value, bit in zip(known[feature], bits, strict=False) if bit}
        tree.categorical.append(Categorical(column, passing, set(known[feature]), passes, others))
    else:
        tree.numeric.append(Numeric(column, float(node["num_threshold"]), passes, others))
    return left | _visit_boosted(tree, predictor, int(node["right"]), columns, known)


def _visit_grown(tree: Tree, grown: Any, thresholds: Floats, number: int) -> int:
    """Take in what is below a node: the bits of its leaves."""
    if grown.children_left[number] < 0:
        return tree.leaf(grown.value[number, 0, 0])
    left = _visit_grown(tree, grown, thresholds, grown.children_left[number])
    passes = bool(grown.missing_go_to_left[number])
    test = Numeric(int(grown.feature[number]), float(thresholds[number]), passes, ~np.uint64(left))
    tree.numeric.append(test)
    return left | _visit_grown(tree, grown, thresholds, grown.children_right[number])


def single(thresholds: NDArray[np.float64]) -> Floats:
    """The largest doubles that single precision rounds to at most a threshold.

    scikit-learn's forests read features in single precision; a double compared with these goes the way
    that it would go there.
    """
    below = thresholds.astype(np.float32)
    below = np.where(below > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
    between = (below.astype(np.float64) + np.nextafter(below, np.float32(np.inf)).astype(np.float64)) / 2
    rounds_down = between.astype(np.float32) <= below
    return np.where(rounds_down, between, np.nextafter(between, -np.inf))
