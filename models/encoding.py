"""The encoding that linear and neural members see: numbers made comparable, categories and pairs of them.

Numbers are filled where unknown, clipped where extreme and standardised; every category, and every pair
of categories that is common enough, has a column of its own that is 1 or 0. So a linear model can hold a
price for each pair of values, and look it up when serving.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from models.members import Floats

Ints = NDArray[np.int64]


class Encoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encodes X (n, features), float64 with NaN for unknown, of which the first columns are categories.

    Parameters
    ----------
    categories : how many columns are categories: whole numbers from 0 on, in an order that means nothing.
    pairs : whether pairs of categories have columns too.
    least : rows that a value must have been seen in to have a column of its own.
    tail : share of the training values of a number that is clipped at either end.

    Attributes
    ----------
    fill_, low_, high_, mean_, scale_ : of each number, arrays (features − categories,).
    tables_ : for each category and pair (columns, sizes, array of the column of each value, −1 for none).
    width_ : columns of the encoding.

    """

    def __init__(self, categories: int = 0, pairs: bool = True, least: int = 5, tail: float = 0.005) -> None:
        self.categories = categories
        self.pairs = pairs
        self.least = least
        self.tail = tail

    def fit(self, X: Floats, y: Floats | None = None) -> Encoder:
        """Learn the columns from X."""
        numbers = X[:, self.categories :]
        known = ~np.isnan(numbers)
        some = known.any(axis=0)
        filled = np.where(some, numbers, 0.0)
        self.fill_ = np.nanmean(filled, axis=0)
        self.low_, self.high_ = np.nanquantile(filled, [self.tail, 1 - self.tail], axis=0)
        clipped = self._clipped(numbers)
        self.mean_, spread = clipped.mean(axis=0), clipped.std(axis=0)
        self.scale_ = np.where(spread > 1e-12, spread, 1.0)
        self.width_ = numbers.shape[1]
        singles = [(column,) for column in range(self.categories)]
        groups: list[tuple[int, ...]] = [
            *singles,
            *(combinations(range(self.categories), 2) if self.pairs else ()),
        ]
        sizes = [int(np.nanmax(X[:, column], initial=-1.0)) + 1 for column in range(self.categories)]
        self.tables_: list[tuple[tuple[int, ...], tuple[int, ...], Ints]] = []
        for columns in groups:
            shape = tuple(sizes[column] for column in columns)
            table = np.full(int(np.prod(shape)), -1, dtype=np.int64)
            value = _values(X, columns, shape)
            seen = np.bincount(value[value >= 0], minlength=len(table))
            common = np.flatnonzero(seen >= self.least)
            table[common] = self.width_ + np.arange(len(common))
            self.width_ += len(common)
            self.tables_.append((columns, shape, table))
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Floats) -> sp.csr_matrix:
        """The encoding, sparse (n, width_)."""
        rows = np.arange(len(X))
        found = [(rows, columns) for columns in self._columns(X)]
        row = np.concatenate([rows[columns >= 0] for rows, columns in found]) if found else rows[:0]
        column = np.concatenate([columns[columns >= 0] for _, columns in found]) if found else rows[:0]
        numbers = (self._clipped(X[:, self.categories :]) - self.mean_) / self.scale_
        ones = sp.csr_matrix((np.ones(len(row)), (row, column)), shape=(len(X), self.width_))
        dense = sp.csr_matrix((numbers.ravel(), *_dense(numbers)), shape=(len(X), self.width_))
        return sp.csr_matrix(ones + dense)

    def _columns(self, X: Floats) -> list[Ints]:
        return [_look_up(X, columns, shape, table) for columns, shape, table in self.tables_]

    def _clipped(self, numbers: Floats) -> Floats:
        clipped: Floats = np.clip(np.where(np.isnan(numbers), self.fill_, numbers), self.low_, self.high_)
        return clipped


def _dense(numbers: Floats) -> tuple[tuple[Ints, Ints]]:
    rows, columns = np.indices(numbers.shape)
    return ((rows.ravel(), columns.ravel()),)


def _values(X: Floats, columns: tuple[int, ...], shape: tuple[int, ...]) -> Ints:
    """One number for the values of some columns together, (n,); −1 where one of them is unknown."""
    value = np.zeros(len(X), dtype=np.int64)
    unknown = np.zeros(len(X), dtype=bool)
    for column, size in zip(columns, shape, strict=True):
        held = X[:, column]
        outside = ~((held >= 0) & (held < size))
        unknown |= outside
        value = value * size + np.where(outside, 0, held).astype(np.int64)
    value[unknown] = -1
    return value


def _look_up(X: Floats, columns: tuple[int, ...], shape: tuple[int, ...], table: Ints) -> Ints:
    value = _values(X, columns, shape)
    if not len(table):
        return np.full(len(X), -1, dtype=np.int64)
    return np.where(value >= 0, table[value], -1)
