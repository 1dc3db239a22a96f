"""What is learnt from, and in which parts: rows in time order, and the folds that they are judged by."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.members import Floats

EDGES = (0.5, 0.75, 1.0)  # where the two slices begin and end, as shares of the rows
MIN_ROWS = 500


class TrainingError(Exception):
    """The data cannot give a model; the message says why."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is learnt from, in time order.

    X (n, features) float64 with NaN for unknown, the first `categories` columns of which are categories;
    y (n,) the log price relative to the market's level; weight (n,) positive; at (n,) seconds.
    """

    X: Floats
    y: Floats
    weight: Floats
    at: Floats
    names: tuple[str, ...]
    categories: int = 0
    embargo_s: float = 0.0

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Task:
    """Rows made ready: the `used` columns, `categories` of which are such, and the folds.

    A fold is where learning stops, and where the slice that it is judged on begins and ends.
    """

    X: Floats
    y: Floats
    weight: Floats
    used: NDArray[np.intp]
    categories: int
    folds: tuple[tuple[int, int, int], ...]


def prepare(rows: Rows) -> Task:
    """Columns worth learning from, and the folds. Raises TrainingError where the rows are no good."""
    if len(rows) < MIN_ROWS:
        raise TrainingError(f"{len(rows)} rows are too few to train on: at least {MIN_ROWS} are needed")
    if not (np.isfinite(rows.y).all() and np.isfinite(rows.weight).all()):
        raise TrainingError("targets and weights must be finite")
    first, newest, end = (int(len(rows) * edge) for edge in EDGES)
    # What became known only lately is learnt from too: each fold leaves out what it does not know yet.
    used = varying(rows.X[: embargoed(rows, newest)])
    return Task(
        np.ascontiguousarray(rows.X[:, used]),
        rows.y,
        rows.weight,
        used,
        int((used < rows.categories).sum()),
        ((embargoed(rows, first), first, newest), (embargoed(rows, newest), newest, end)),
    )


def embargoed(rows: Rows, start: int) -> int:
    """Where learning ends for a slice that begins at a row: what came just before tells too much of it."""
    return int(np.searchsorted(rows.at[:start], rows.at[start] - rows.embargo_s, side="right"))


def varying(X: Floats) -> NDArray[np.intp]:
    """Columns with at least two different known values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any known value is expected
        varies = np.nanmax(X, axis=0) > np.nanmin(X, axis=0)
    return np.flatnonzero(varies)


def typical(rows: Rows) -> Floats:
    """A row with nothing remarkable: what most rows have, if that is nothing known, or one category.

    Else the middle of a number, and an unknown category.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        middle: Floats = np.nanmedian(rows.X, axis=0)
    for column, held in enumerate(rows.X.T):
        known = held[~np.isnan(held)]
        if len(known) * 2 < len(held):
            middle[column] = np.nan
        elif column < rows.categories and (known == middle[column]).sum() * 2 <= len(held):
            middle[column] = np.nan  # where there is a majority, the median is its value
    return middle
