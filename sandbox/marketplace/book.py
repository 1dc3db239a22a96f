"""The open orders in columns, so that a step of the economy is a handful of array operations.

Every order has a hidden threshold; its exposure to buyers grows with time, faster the cheaper it is against
the fair value, and it sells when the exposure passes the threshold. That makes each sale a draw of a Poisson
process with a changing rate, whatever the length of a step.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from sandbox.marketplace.orders import TOKENS, Order

FAIR_WAIT: Final = 9 * 3_600.0
"""Mean seconds until an order at fair value sells."""
STEEPNESS: Final = 0.085
"""The wait grows e-fold for every so much in log(ask / fair)."""
SHORTEST_WAIT: Final = 200.0
COLD: Final = 0.55
"""Asks this far above fair (log) are looked at only now and then."""

_FLOATS: Final = (
    "log_base",
    "relative",
    "taste",
    "exposure",
    "threshold",
    "base",
    "end_price",
    "start",
    "end",
)


class Book:
    """Open orders by slot; slots of closed orders are used again."""

    def __init__(self) -> None:
        self._size = 0
        self._free: list[int] = []
        capacity = 1 << 15
        self.f: dict[str, npt.NDArray[np.float64]] = {n: np.zeros(capacity) for n in _FLOATS}
        self.alive = np.zeros(capacity, dtype=bool)
        self.dutch = np.zeros(capacity, dtype=bool)
        self.token = np.zeros(capacity, dtype=np.int64)
        self.row = np.zeros(capacity, dtype=np.int64)
        self.number = np.zeros(capacity, dtype=np.int64)
        self.orders: list[Order | None] = [None] * capacity
        self._warm = np.zeros(capacity, dtype=bool)
        self.version = 0
        self.count = 0

    def add(self, order: Order, relative: float, taste: float, threshold: float) -> None:
        """Put an order into the book. `relative` is the axie's log value relative to the level."""
        slot = self._free.pop() if self._free else self._grow()
        order.slot = slot
        f = self.f
        unit = 10.0 ** -TOKENS[order.token].decimals
        f["base"][slot] = order.base * unit
        f["end_price"][slot] = order.ended_price * unit
        f["log_base"][slot] = math.log(order.base * unit)
        f["start"][slot], f["end"][slot] = order.started, order.ended
        f["relative"][slot], f["taste"][slot] = relative, taste
        f["exposure"][slot] = 0.0
        f["threshold"][slot] = threshold if order.buyable else math.inf
        self.alive[slot] = True
        self.dutch[slot] = order.ended > 0
        self.token[slot], self.row[slot], self.number[slot] = order.token, order.row, order.number
        self.orders[slot] = order
        self._warm[slot] = True
        self.version += 1
        self.count += 1

    def remove(self, order: Order) -> None:
        """Take a closed order out."""
        slot = order.slot
        self.alive[slot] = self._warm[slot] = False
        self.orders[slot] = None
        self._free.append(slot)
        order.slot = -1
        self.version += 1
        self.count -= 1

    def rate(self, slot: int, at: float, fair_level: float, log_rates: npt.NDArray[np.float64]) -> float:
        """Purchases a second of one order at a moment."""
        f = self.f
        if self.dutch[slot]:
            done = min(1.0, max(0.0, (at - f["start"][slot]) / (f["end"][slot] - f["start"][slot])))
            log_price = math.log(f["base"][slot] + (f["end_price"][slot] - f["base"][slot]) * done)
        else:
            log_price = float(f["log_base"][slot])
        over = log_price + log_rates[self.token[slot]] - fair_level - f["relative"][slot] + f["taste"][slot]
        return min(1 / SHORTEST_WAIT, math.exp(-over / STEEPNESS) / FAIR_WAIT) if over < 3 else 0.0

    def rewarm(self, at: float, fair_level: float, log_rates: npt.NDArray[np.float64]) -> None:
        """Choose again which orders are worth looking at in every step."""
        slots = np.flatnonzero(self.alive[: self._size])
        self._warm[slots] = self._over(slots, at, fair_level, log_rates) < COLD

    def step(
        self, at: float, seconds: float, demand: float, fair_level: float, log_rates: npt.NDArray[np.float64]
    ) -> list[tuple[float, Order]]:
        """Expose the warm orders to buyers for a step; returns (time, order) of those that sell in it."""
        slots = np.flatnonzero(self._warm[: self._size])
        if demand <= 0 or not len(slots):
            return []
        over = self._over(slots, at, fair_level, log_rates)
        rate = np.minimum(1 / SHORTEST_WAIT, np.exp(-over / STEEPNESS) / FAIR_WAIT) * demand
        before = self.f["exposure"][slots]
        after = before + rate * seconds
        self.f["exposure"][slots] = after
        sold = np.flatnonzero(after >= self.f["threshold"][slots])
        when = at + np.maximum(0.0, (self.f["threshold"][slots[sold]] - before[sold]) / rate[sold])
        found = [(float(t), self.orders[s]) for t, s in zip(when, slots[sold], strict=True)]
        return [(t, order) for t, order in found if order is not None]

    def _over(
        self, slots: npt.NDArray[np.int64], at: float, level: float, log_rates: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Log of price over what buyers think it is worth."""
        price = self.f["log_base"][slots]
        auctions = np.flatnonzero(self.dutch[slots])
        if len(auctions):
            price = price.copy()
            price[auctions] = np.log(self._auction(slots[auctions], at))
        over = (
            price + log_rates[self.token[slots]] - level - self.f["relative"][slots] + self.f["taste"][slots]
        )
        return np.asarray(np.minimum(over, 3.0), dtype=np.float64)

    def _auction(self, slots: npt.NDArray[np.int64], at: float) -> npt.NDArray[np.float64]:
        f = self.f
        done = np.clip((at - f["start"][slots]) / (f["end"][slots] - f["start"][slots]), 0, 1)
        return np.asarray(f["base"][slots] + (f["end_price"][slots] - f["base"][slots]) * done)

    def usd(
        self, slots: npt.NDArray[np.int64], at: float, rates: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Current prices in USD."""
        price = self.f["base"][slots].copy()
        auctions = np.flatnonzero(self.dutch[slots])
        price[auctions] = self._auction(slots[auctions], at)
        return np.asarray(price * rates[self.token[slots]])

    def open_slots(self) -> npt.NDArray[np.int64]:
        """The slots in use."""
        return np.flatnonzero(self.alive[: self._size])

    def _grow(self) -> int:
        self._size += 1
        if self._size > len(self.alive):
            n = len(self.alive)
            self.f = {k: np.concatenate([v, np.zeros(n)]) for k, v in self.f.items()}
            self.alive = np.concatenate([self.alive, np.zeros(n, dtype=bool)])
            self._warm = np.concatenate([self._warm, np.zeros(n, dtype=bool)])
            self.dutch = np.concatenate([self.dutch, np.zeros(n, dtype=bool)])
            self.token = np.concatenate([self.token, np.zeros(n, dtype=np.int64)])
            self.row = np.concatenate([self.row, np.zeros(n, dtype=np.int64)])
            self.number = np.concatenate([self.number, np.zeros(n, dtype=np.int64)])
            self.orders.extend([None] * n)
        return self._size - 1
