"""What is remembered of past sales under many keys: faded sums, and the newest few sales of each.

One table of numbers for all keys, so that a sale updates its many keys, and a look-up reads them, in a
handful of array operations. Prices in it are relative to the market's level of their moment.
"""

from __future__ import annotations

import math
from itertools import compress
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY = 86_400.0
MEMORY_S = 7 * DAY  # how fast a comparable fades
NEWEST = 8  # sales kept of a key
# Columns of the sums: when last added to; sums of weights, of prices and of their squares, faded to then.
AT, W, S, Q = range(4)
# Columns of what is kept of a sale.
TIME, RELATIVE, LOG_USD, AXIE = range(4)
ROOM = 1024
_EACH = np.arange(ROOM)
NONE = -1  # the key of what a subject does not have


class Stored(msgspec.Struct):
    """The stored form: numbers as bytes, so that reading it can run no code."""

    keys: bytes
    sums: bytes
    newest: bytes
    sales: bytes


class _Numbered(dict[int, int]):
    """Rows by key: whoever asks by brackets for a key that is not there gives it the next row."""

    def __missing__(self, key: int) -> int:
        self[key] = row = len(self)
        return row


class Memory:
    """Faded statistics by key. Row 0 stands for every key that nothing is known of, and for the key `NONE`.

    `sums` is (rows, 4), `newest` (rows, NEWEST) numbers rows of `sales` (sales, 4); sale 0 stands for none.
    """

    def __init__(self) -> None:
        self._row = _Numbered({NONE: 0})
        self.sums = np.zeros((ROOM, 4))
        self.newest = np.zeros((ROOM, NEWEST), dtype=np.int32)
        self.sales = np.full((ROOM, 4), -math.inf)
        self._sales = 1
        self._at = -math.inf  # of the newest sale

    def __len__(self) -> int:
        return len(self._row) - 1

    def rows(self, keys: Ints) -> Ints:
        """The row of each key, an array of its shape; 0 where nothing is known."""
        row = self._row.get
        return np.array([row(key, 0) for key in keys.ravel().tolist()], dtype=np.int64).reshape(keys.shape)

    def rows_to_fill(self, keys: list[int]) -> list[int]:
        """The row of each key, made where there was none."""
        found = list(map(self._row.__getitem__, keys))
        if len(self._row) > len(self.sums):
            self.sums = _roomier(self.sums, 0.0)
            self.newest = _roomier(self.newest, 0)
        return found

    def add(self, rows: Ints, listed: Ints, at: float, relative: float, log_usd: float, axie_id: int) -> None:
        """Take in one sale under some rows (n,), and as one of the newest sales of the `listed` of them.

        One that comes late leaves the same behind as if it had come in time. Row 0 stays as it is.
        """
        held = self.sums.take(rows, axis=0)
        sale = np.array((0.0, 1.0, relative, relative * relative))
        last = held[:, AT].copy()
        in_time = at >= self._at
        if in_time:
            self._at = at
            held *= np.exp((last - at) / MEMORY_S)[:, None]
            held += sale
            held[:, AT] = at
        else:  # what is older of the two has faded since, be it the sale itself
            held *= np.exp(np.minimum(last - at, 0.0) / MEMORY_S)[:, None]
            held += np.exp(np.minimum(at - last, 0.0) / MEMORY_S)[:, None] * sale
            held[:, AT] = np.maximum(last, at)
        self.sums[rows] = held
        self.sums[0] = 0.0
        number = self._sales
        if number == len(self.sales):
            self.sales = _roomier(self.sales, -math.inf)
        self._sales += 1
        self.sales[number] = (at, relative, log_usd, axie_id)
        # The place of the oldest is taken, unless that is newer still.
        times = self.sales[self.newest.take(listed, axis=0), TIME]
        places = times.argmin(axis=1)
        if not in_time:
            taken = times[_EACH[: len(places)], places] <= at
            listed, places = listed[taken], places[taken]
        self.newest[listed, places] = number
        self.newest[0] = 0

    def forget(self, before: float) -> None:
        """Drop every key that has not been added to since a time, and the sales that only those kept."""
        fresh = self.sums[: len(self._row), AT] >= before
        fresh[0] = True
        rows = np.flatnonzero(fresh)
        kept = compress(self._row, fresh.tolist())  # in the order of their rows, as they were numbered
        newest = self.newest[rows]
        newest[self.sales[newest, TIME] < before] = 0
        used = np.unique(np.append(newest, 0))
        self._row = _Numbered(zip(kept, range(len(rows)), strict=True))
        self.sums = _roomier(self.sums[rows], 0.0)
        self.newest = _roomier(np.searchsorted(used, newest).astype(np.int32), 0)
        self.sales, self._sales = _roomier(self.sales[used], -math.inf), len(used)

    def dump(self) -> Stored:
        """The stored form."""
        rows = len(self._row)
        return Stored(
            np.fromiter(self._row, dtype=np.int64, count=rows).tobytes(),
            self.sums[:rows].tobytes(),
            self.newest[:rows].tobytes(),
            self.sales[: self._sales].tobytes(),
        )

    @classmethod
    def restore(cls, stored: Stored) -> Memory:
        """The memory that `dump` wrote. Raises ValueError where the parts do not belong together."""
        memory = cls()
        found = np.frombuffer(stored.keys, dtype=np.int64).tolist()
        sums = np.frombuffer(stored.sums).reshape(-1, 4)
        newest = np.frombuffer(stored.newest, dtype=np.int32).reshape(-1, NEWEST)
        sales = np.frombuffer(stored.sales).reshape(-1, 4)
        fits = len(sums) == len(newest) == len(found) == len(set(found))
        if not (fits and found[:1] == [NONE] and 0 <= newest.min() <= newest.max() < len(sales)):
            raise ValueError("the parts of the stored market state do not belong together")
        memory._row = _Numbered(zip(found, range(len(found)), strict=True))
        memory.sums, memory.newest = _roomier(sums, 0.0), _roomier(newest, 0)
        memory.sales, memory._sales = _roomier(sales, -math.inf), len(sales)
        memory._at = float(sales[:, TIME].max())
        return memory


def _roomier(held: NDArray[Any], fill: float) -> NDArray[Any]:
    """A copy with room for half as much again."""
    grown = np.full((len(held) * 3 // 2 + ROOM, *held.shape[1:]), fill, dtype=held.dtype)
    grown[: len(held)] = held
    return grown
