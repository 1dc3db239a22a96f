"""Standing asks: what else like a subject is for sale, as far as listings have been seen.

An ask stands until its axie is sold or listed anew, or has not been seen for some days.
An axie's own ask never counts among its comparables: a feature that knew the ask would make any forecast
look good and be worth nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Sequence

import msgspec

from pipeline.appraisal.keys import NUMBER
from pipeline.appraisal.memory import DAY

# The likenesses under which asks are kept.
STANDING = ("build", "battle", "class_breed_pure", "class_breed")
WIDTH = 2 * len(STANDING) + 1  # floor and depth of each, and the seller's number of listings
NEAR = 0.1  # log price; the depth counts asks so near the floor
STALE_S = 4 * DAY  # after which an ask that was not seen again is no longer believed
MOST = 200_000

_NOTHING: Sequence[float] = ()
_KINDS = [NUMBER[kind] for kind in STANDING]


class Ask(msgspec.Struct, array_like=True):
    """A standing ask: when it was seen, its log price in dollars, the seller, its keys in `STANDING`."""

    at: float
    log_usd: float
    seller: str
    keys: list[int]


class Book:
    """The asks that stand, by key in order of price, so that a floor is the first of a list."""

    def __init__(self) -> None:
        self._asks: OrderedDict[int, Ask] = OrderedDict()
        self._prices: dict[int, list[float]] = {}
        self._sellers: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._asks)

    def add(self, axie_id: int, keys: list[int], at: float, usd: float, seller: str) -> None:
        """Take in an ask, in place of an earlier one of the same axie. `keys` are those of all kinds."""
        self.remove(axie_id)
        ask = Ask(at, math.log(usd), seller, [keys[kind] for kind in _KINDS])
        self._asks[axie_id] = ask
        self._enter(ask)
        while len(self._asks) > MOST or next(iter(self._asks.values())).at < at - STALE_S:
            self.remove(next(iter(self._asks)))

    def remove(self, axie_id: int) -> None:
        """The axie is no longer for sale; nothing if it was not."""
        ask = self._asks.pop(axie_id, None)
        if ask is None:
            return
        for key in ask.keys:
            prices = self._prices[key]
            prices.pop(bisect_left(prices, ask.log_usd))
            if not prices:
                del self._prices[key]
        if ask.seller:
            self._sellers[ask.seller] -= 1
            if not self._sellers[ask.seller]:
                del self._sellers[ask.seller]

    def look(self, axie_id: int, keys: list[int], level: float) -> list[float]:
        """Floor, relative to the level, and depth for each of `STANDING`; then the seller's listings.

        NaN where nothing stands. Of the seller is known what stands in the axie's own ask.
        """
        own = self._asks.get(axie_id)
        found: list[float] = []
        for place, kind in enumerate(_KINDS):
            prices = self._prices.get(keys[kind], _NOTHING)
            # Thousands may stand under a key: the own ask is passed over rather than left out of a copy.
            mine = own.log_usd if own is not None and own.keys[place] == keys[kind] else None
            first = 1 if mine is not None and prices[0] == mine else 0
            if len(prices) - (mine is not None) > 0:
                floor = prices[first]
                depth = bisect_left(prices, floor + NEAR) - (mine is not None and mine < floor + NEAR)
                found += [floor - level, math.log1p(depth)]
            else:
                found += [math.nan, math.nan]
        listings = self._sellers[own.seller] if own is not None else 0
        return [*found, math.log1p(listings) if listings else math.nan]

    def dump(self) -> dict[int, Ask]:
        """The asks by axie, oldest first."""
        return dict(self._asks)

    @classmethod
    def restore(cls, asks: dict[int, Ask]) -> Book:
        """The book that `dump` wrote."""
        book = cls()
        for axie_id, ask in asks.items():
            book._asks[axie_id] = ask
            book._enter(ask)
        return book

    def _enter(self, ask: Ask) -> None:
        for key in ask.keys:
            insort(self._prices.setdefault(key, []), ask.log_usd)
        if ask.seller:
            self._sellers[ask.seller] += 1
