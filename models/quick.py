"""Boosted trees as bits: one row through hundreds of trees in some forty microseconds of numpy.

Each tree has at most 64 leaves, which are the bits of one number. A node whose test fails strikes out the
leaves on its left; what is left standing of all leaves when every node has been asked, the lowest bit is
the leaf where the row ends (the idea is that of QuickScorer). What a column strikes out depends only on
which of the column's thresholds lie below its value, so that is worked out beforehand for every gap
between two of them, and for every value of a category; a row is then one look-up for each column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.members import MOST_LEAVES, Floats

Bits = NDArray[np.uint64]
Ints = NDArray[np.int64]
ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_ONE = np.uint64(1)


@dataclass(frozen=True, slots=True)
class QuickTrees:
    """A weighted sum of boosted trees.

    `standing` (rows, trees) has what each column leaves standing of each tree: one row for every gap
    between the column's thresholds, or for every value of a category, and a last one for what is unknown.
    `numbers` and `categories` are the columns so read, numbers first; `start` and `unknown` are the first
    and the last row of each. `threshold` (thresholds,) are those of the numbers end to end, ascending for
    each, `asked` (thresholds,) the column that each is asked of, and `edge` where each column's begin.
    `values` (trees, 64) are the leaves, `share` (trees, outputs) what a tree counts for each output.
    """

    standing: Bits
    numbers: Ints
    categories: Ints
    start: Ints
    unknown: Ints
    threshold: Floats
    asked: Ints
    edge: Ints
    values: Floats
    share: Floats

    def predict(self, X: Floats) -> Floats:
        """The sum over the trees for X (n, features), NaN for unknown: an array (n, outputs)."""
        rows = self._rows(X)
        standing = np.empty((len(X), len(self.values)), dtype=np.uint64)
        for index, row in enumerate(rows):  # one at a time: a page at once would not stay in the cache
            np.bitwise_and.reduce(self.standing.take(row, axis=0), axis=0, out=standing[index])
        leaf = np.bitwise_count((standing & -standing) - _ONE)
        found: Floats = self.values[np.arange(len(self.values)), leaf] @ self.share
        return found

    def _rows(self, X: Floats) -> Ints:
        """The row of `standing` for each column that is read, (n, columns)."""
        split = len(self.numbers)
        found = np.empty((len(X), len(self.start)), dtype=np.int64)
        above = X.take(self.asked, axis=1) > self.threshold
        found[:, :split] = np.add.reduceat(above, self.edge, axis=1, dtype=np.int64) if split else 0
        codes = X.take(self.categories, axis=1)
        known = (codes >= 0) & (codes < (self.unknown - self.start)[split:])
        found[:, split:] = np.where(known, codes, 0)
        found += self.start
        unknown = np.concatenate((np.isnan(X.take(self.numbers, axis=1)), ~known), axis=1)
        np.copyto(found, self.unknown, where=unknown)
        return found


def quicken(members: Sequence[tuple[Floats, Any]], features: int) -> tuple[QuickTrees, Floats]:
    """HistGradientBoosting regressors as one, and the sum of their baselines, (outputs,).

    Each has weights (outputs,): how much of it goes into each output.
    """
    offset = np.zeros(len(members[0][0]))
    trees: list[_Tree] = []
    for weight, member in members:
        offset += weight * float(np.ravel(member._baseline_prediction)[0])
        columns, known = _columns(member, features)
        for (predictor,) in member._predictors:  # one tree an iteration for a single target
            trees.append(_Tree(predictor, weight, columns, known))
    return _laid_out(trees), offset


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


class _Numeric(NamedTuple):
    """Whether a column is at most a value. `others` are the leaves that stand where it is not."""

    column: int
    value: float
    unknown_passes: bool
    others: np.uint64


class _Categorical(NamedTuple):
    """Whether a column's value is among some of the known ones. `others` stand where it is not."""

    column: int
    passing: set[int]
    known: set[int]
    unknown_passes: bool
    others: np.uint64


class _Tree:
    """The tests of one tree, and its leaves."""

    def __init__(self, predictor: Any, share: Floats, columns: list[int], known: list[list[int]]) -> None:
        self.numeric: list[_Numeric] = []
        self.categorical: list[_Categorical] = []
        self.values, self.share = np.zeros(MOST_LEAVES), share
        self._nodes, self._bits = predictor.nodes, predictor.raw_left_cat_bitsets
        self._columns, self._known = columns, known
        self._leaves = 0
        self._visit(0)

    def _visit(self, number: int) -> int:
        """The bits of the leaves below a node."""
        node = self._nodes[number]
        if node["is_leaf"]:
            if self._leaves == MOST_LEAVES:
                raise TypeError(f"cannot compile a tree of more than {MOST_LEAVES} leaves")
            self.values[self._leaves] = node["value"]
            self._leaves += 1
            return 1 << (self._leaves - 1)
        left = self._visit(int(node["left"]))
        feature, passes = int(node["feature_idx"]), bool(node["missing_go_to_left"])
        column, others = self._columns[feature], ~np.uint64(left)
        if node["is_categorical"]:
            known = self._known[feature]
            bits = np.unpackbits(self._bits[node["bitset_idx"]].view(np.uint8), bitorder="little")
            passing = {value for value, bit in zip(known, bits, strict=False) if bit}
            self.categorical.append(_Categorical(column, passing, set(known), passes, others))
        else:
            self.numeric.append(_Numeric(column, float(node["num_threshold"]), passes, others))
        return left | self._visit(int(node["right"]))


def _laid_out(trees: list[_Tree]) -> QuickTrees:
    numeric, categorical = _by_column(trees, "numeric"), _by_column(trees, "categorical")
    thresholds = [sorted({test.value for _, test in tests}) for tests in numeric.values()]
    standing = [
        *(_gaps(len(trees), *each) for each in zip(thresholds, numeric.values(), strict=True)),
        *(_values(len(trees), tests) for tests in categorical.values()),
    ]
    counts = list(map(len, thresholds))
    ends = np.cumsum([0, *map(len, standing)])
    return QuickTrees(
        standing=np.concatenate([*standing, np.empty((0, len(trees)), dtype=np.uint64)]),
        numbers=np.array(list(numeric), dtype=np.int64),
        categories=np.array(list(categorical), dtype=np.int64),
        start=ends[:-1],
        unknown=ends[1:] - 1,
        threshold=np.array([value for values in thresholds for value in values]),
        asked=np.repeat(np.array(list(numeric), dtype=np.int64), counts),
        edge=np.cumsum([0, *counts])[:-1],
        values=np.array([tree.values for tree in trees]),
        share=np.array([tree.share for tree in trees]),
    )


def _by_column(trees: list[_Tree], kind: str) -> dict[int, list[tuple[int, Any]]]:
    """The tests of one kind by the column that they ask, each with the number of its tree."""
    found: dict[int, list[tuple[int, Any]]] = {}
    for number, tree in enumerate(trees):
        for test in getattr(tree, kind):
            found.setdefault(test.column, []).append((number, test))
    return found


def _gaps(trees: int, thresholds: list[float], tests: list[tuple[int, _Numeric]]) -> Bits:
    """What a number leaves standing, by how many of its thresholds lie below it, and where it is unknown."""
    standing = np.full((len(thresholds) + 2, trees), ALL, dtype=np.uint64)
    rank = {value: index for index, value in enumerate(thresholds)}
    for number, test in tests:
        standing[rank[test.value] + 1 : -1, number] &= test.others
        if not test.unknown_passes:
            standing[-1, number] &= test.others
    return standing


def _values(trees: int, tests: list[tuple[int, _Categorical]]) -> Bits:
    """What each value of a category leaves standing, and what an unknown one does."""
    values = max(max(test.known, default=0) for _, test in tests) + 1
    standing = np.full((values + 1, trees), ALL, dtype=np.uint64)
    for number, test in tests:
        for value in range(values + 1):
            passes = value in test.passing if value in test.known else test.unknown_passes
            if not passes:
                standing[value, number] &= test.others
    return standing
