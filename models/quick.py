"""Boosted trees as bits: one row through hundreds of trees in some fifty microseconds of numpy.

Each tree has at most 64 leaves, which are the bits of one number. A node whose test fails strikes out the
leaves on its left; what is left standing of all leaves when every node has been asked, the lowest bit is
the leaf where the row ends. So no tree is walked: all tests of all trees are one comparison of arrays,
and what is struck out is one bitwise "and" (the idea is that of QuickScorer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.members import MOST_LEAVES, Floats

Bits = NDArray[np.uint64]
ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_ONE = np.uint64(1)


@dataclass(frozen=True, slots=True)
class Category:
    """For one categorical column: what each of its values leaves standing of each tree, (values + 1, trees).

    The last row is for unknown values.
    """

    column: int
    standing: Bits


@dataclass(frozen=True, slots=True)
class QuickTrees:
    """A weighted sum of boosted trees.

    `place` and `threshold` (tests, trees): where in a row each test looks, and the value at or below
    which it passes; `struck` (tests, trees) is what a failed test strikes out. `values` (trees, 64) are
    the leaves, weights included.
    """

    place: NDArray[np.int64]
    threshold: Floats
    struck: Bits
    categories: tuple[Category, ...]
    values: Floats

    @property
    def tests(self) -> int:
        """How many tests one row is put to."""
        return self.threshold.size

    def predict(self, X: Floats) -> Floats:
        """The sum over the trees for X (n, features), NaN for unknown: an array (n,)."""
        # Twice side by side: once with unknown values below every threshold, for the tests that let them
        # pass, and once as they are, for no comparison with an unknown value holds.
        both = np.concatenate((np.where(np.isnan(X), -np.inf, X), X), axis=1)
        trees = np.arange(len(self.values))
        found = np.empty(len(X))
        for index, row in enumerate(both):
            passed = row[self.place] <= self.threshold
            standing = np.bitwise_and.reduce(np.where(passed, ALL, self.struck), axis=0)
            for category in self.categories:
                standing &= category.standing[_row(X[index, category.column], len(category.standing) - 1)]
            leaf = np.bitwise_count((standing & -standing) - _ONE)
            found[index] = self.values[trees, leaf].sum()
        return found


def _row(value: float, unknown: int) -> int:
    return int(value) if 0 <= value < unknown else unknown


def quicken(members: Sequence[tuple[float, Any]], features: int) -> tuple[QuickTrees, float]:
    """Weighted HistGradientBoosting regressors as one, and the sum of their baselines."""
    offset = 0.0
    trees: list[_Tree] = []
    for weight, member in members:
        offset += weight * float(np.ravel(member._baseline_prediction)[0])
        columns, known = _columns(member, features)
        for (predictor,) in member._predictors:  # one tree an iteration for a single target
            trees.append(_Tree(predictor, weight, columns, known))
    return _laid_out(trees, features), offset


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


class _Tree:
    """One tree's tests: what each asks, whether unknown values pass, and the leaves that failing strikes out.

    `numeric` asks whether a column is at most a threshold, `categorical` whether its value is among some
    of the values that are known.
    """

    def __init__(self, predictor: Any, weight: float, columns: list[int], known: list[list[int]]) -> None:
        self.numeric: list[tuple[int, float, bool, int]] = []
        self.categorical: list[tuple[int, set[int], set[int], bool, int]] = []
        self.values = np.zeros(MOST_LEAVES)
        self._nodes, self._bits = predictor.nodes, predictor.raw_left_cat_bitsets
        self._weight, self._columns, self._known = weight, columns, known
        self._leaves = 0
        self._visit(0)

    def _visit(self, number: int) -> int:
        """The bits of the leaves below a node."""
        node = self._nodes[number]
        if node["is_leaf"]:
            if self._leaves == MOST_LEAVES:
                raise TypeError(f"cannot compile a tree of more than {MOST_LEAVES} leaves")
            self.values[self._leaves] = self._weight * node["value"]
            self._leaves += 1
            return 1 << (self._leaves - 1)
        left = self._visit(int(node["left"]))
        feature, passes = int(node["feature_idx"]), bool(node["missing_go_to_left"])
        column = self._columns[feature]
        if node["is_categorical"]:
            known = self._known[feature]
            bits = np.unpackbits(self._bits[node["bitset_idx"]].view(np.uint8), bitorder="little")
            passing = {value for value, bit in zip(known, bits, strict=False) if bit}
            self.categorical.append((column, passing, set(known), passes, left))
        else:
            self.numeric.append((column, float(node["num_threshold"]), passes, left))
        return left | self._visit(int(node["right"]))


def _laid_out(trees: list[_Tree], features: int) -> QuickTrees:
    most = max((len(tree.numeric) for tree in trees), default=0)
    place = np.zeros((most, len(trees)), dtype=np.int64)
    threshold = np.full((most, len(trees)), np.inf)
    struck = np.full((most, len(trees)), ALL, dtype=np.uint64)
    for number, tree in enumerate(trees):
        for test, (column, value, passes, left) in enumerate(tree.numeric):
            place[test, number] = column if passes else features + column
            threshold[test, number] = value
            struck[test, number] = ~np.uint64(left)
    return QuickTrees(
        place=place,
        threshold=threshold,
        struck=struck,
        categories=_categories(trees),
        values=np.array([tree.values for tree in trees]).reshape(-1, MOST_LEAVES),
    )


def _categories(trees: list[_Tree]) -> tuple[Category, ...]:
    columns = sorted({column for tree in trees for column, *_ in tree.categorical})
    found = []
    for column in columns:
        tests = [
            (number, passing, known, unknown, np.uint64(left))
            for number, tree in enumerate(trees)
            for own, passing, known, unknown, left in tree.categorical
            if own == column
        ]
        values = max(max(known, default=0) for _, _, known, _, _ in tests) + 1
        standing = np.full((values + 1, len(trees)), ALL, dtype=np.uint64)
        for number, passing, known, unknown_passes, left in tests:
            for value in range(values + 1):
                passes = value in passing if value in known else unknown_passes
                if not passes:
                    standing[value, number] &= ~left
        found.append(Category(column, standing))
    return tuple(found)
