"""Which of many rules a listing is a signal for: the same answer as `refusal` for each, all at once.

Thresholds and filters of all rules stand in columns, so that a listing is held against thousands of them
by a few comparisons of whole arrays. A bargain is rare: most listings are done after the thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pipeline.market.traits import Collection, collections
from pipeline.market.values import AxieClass, Listing, Token
from pipeline.signal import QUANTILE_LEVELS, Filters, Prediction, Thresholds

Floats = npt.NDArray[np.float64]
_BITS: Final = {
    each: np.uint64(1 << number) for number, each in enumerate((*AxieClass, *Collection, *Token, None))
}
_ANY: Final = np.uint64(2**64 - 1)


class Matcher:
    """A set of rules, made ready once and asked for every listing."""

    def __init__(self, rules: Sequence[tuple[Thresholds, Filters]]) -> None:
        least = [thresholds for thresholds, _ in rules]
        filters = [each for _, each in rules]
        self._net = _column(each.min_net_usd for each in least)
        self._return = _column(each.min_return for each in least)
        self._probability = _column(each.min_probability for each in least)
        self._sell_chance = _column(each.min_sell_chance for each in least)
        self._breeds = _range((each.min_breed_count, each.max_breed_count) for each in filters)
        self._price = _range((each.min_price_usd, each.max_price_usd) for each in filters)
        self._purity = _least(each.min_purity for each in filters)
        self._level = _least(each.min_level for each in filters)
        self._age = _most(each.max_age_s for each in filters)
        self._classes = _masks(each.classes for each in filters)
        self._collections = _masks(each.collections for each in filters)
        self._tokens = _masks(each.tokens for each in filters)
        self._parts = [frozenset(each.parts) for each in filters]
        self._lowest_net = min((each.min_net_usd for each in least), default=math.inf)

    def matching(self, listing: Listing, prediction: Prediction, at: datetime) -> list[int]:
        """The numbers of the rules under which the listing is a signal, ascending."""
        if prediction.net_usd < self._lowest_net or listing.status.final or listing.axie.banned:
            return []
        promised = ~(
            (prediction.net_usd < self._net)
            | (prediction.return_ < self._return)
            | (prediction.probability < self._probability)
            | (self._sell_chance > (prediction.sell_chance or 0.0))
        )
        priced = (self._price[0] <= prediction.ask_usd) & (prediction.ask_usd <= self._price[1])
        return self._about(np.flatnonzero(promised & priced), listing, at)

    def next_ask(self, listing: Listing, prediction: Prediction, at: datetime) -> float | None:
        """The highest ask in dollars, below the present one, from which on a further rule may hold.

        That is by the forecast as it is. None where no lower ask brings another rule.
        """
        gas, value = prediction.gas_usd, prediction.net_usd + prediction.ask_usd + prediction.gas_usd
        cost = np.minimum(value - self._net, value / (1 + self._return))
        if quantiles := prediction.forecast.quantiles:
            least = np.interp(1 - self._probability, QUANTILE_LEVELS, quantiles, right=math.inf)
            cost = np.minimum(cost, least * (1 - prediction.fee))
        asks = np.minimum(cost - gas, self._price[1])
        lower = np.flatnonzero((asks < prediction.ask_usd) & (asks >= self._price[0]))
        return max(asks[self._about(lower, listing, at)].tolist(), default=None)

    def _about(self, left: Any, listing: Listing, at: datetime) -> list[int]:
        """Those of some rules that are about such axies, and about listings of that age."""
        if left.size:
            left = left[self._fits(left, listing, at)]
        parts = {part.id for part in listing.axie.parts}
        return [number for number in left.tolist() if self._parts[number] <= parts]

    def _fits(self, left: Any, listing: Listing, at: datetime) -> Any:
        axie, age = listing.axie, (at - listing.started_at).total_seconds()
        kinds = sum((_BITS[kind] for kind in collections(axie)), _BITS[None])  # None: any bit at all
        # An axie whose purity or level is unknown cannot be shown to satisfy a minimum.
        purity = -math.inf if axie.purity is None else axie.purity
        level = -math.inf if axie.level is None else axie.level
        return (
            (self._classes[left] & _BITS[axie.class_] > 0)
            & (self._collections[left] & kinds > 0)
            & (self._tokens[left] & _BITS[listing.token] > 0)
            & (self._breeds[0][left] <= axie.breed_count)
            & (axie.breed_count <= self._breeds[1][left])
            & (self._purity[left] <= purity)
            & (self._level[left] <= level)
            & (age <= self._age[left])
        )


def _column(values: Iterable[float]) -> Floats:
    return np.array(list(values), dtype=np.float64)


def _least(values: Iterable[float | None]) -> Floats:
    return _column(-math.inf if value is None else value for value in values)


def _most(values: Iterable[float | None]) -> Floats:
    return _column(math.inf if value is None else value for value in values)


def _range(bounds: Iterable[tuple[float | None, float | None]]) -> tuple[Floats, Floats]:
    pairs = list(bounds)
    return _least(low for low, _ in pairs), _most(high for _, high in pairs)


def _masks(wanted: Iterable[Sequence[AxieClass | Collection | Token]]) -> npt.NDArray[np.uint64]:
    masks = [sum((_BITS[each] for each in values), np.uint64(0)) if values else _ANY for values in wanted]
    return np.array(masks, dtype=np.uint64)
