"""What a prediction says about a listing, and the rule that turns it into a buy signal.

Net profit = resale × (1 − fee) − ask − gas, in dollars. Profit, return and probability are all taken
from the calibrated distribution of the resale price, not from its middle alone.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from pipeline.market.traits import Collection, collections
from pipeline.market.values import Axie, AxieClass, Listing, Token

QUANTILE_LEVELS = tuple(step / 20 for step in range(1, 20))


class Comparable(Struct, frozen=True):
    """A past sale that the forecast leans on."""

    axie_id: int
    price_usd: float
    sold_at: datetime
    likeness: str  # what it shares with the axie: "same build", "same battle parts", …


class Contribution(Struct, frozen=True):
    """What one thing about an axie adds to its forecast or takes from it, in dollars."""

    name: str  # "market level", "build", "breed count", …
    usd: float


class Forecast(Struct, frozen=True):
    """What an axie would resell for, as of a moment. Dollars; the interval covers 90 %.

    `quantiles` are prices at `QUANTILE_LEVELS`, ascending. `contributions` add up to `resale_usd`. Both are
    empty in what versions before them have stored.
    """

    axie_id: int
    at: datetime
    model_version: str
    resale_usd: float
    low_usd: float
    high_usd: float
    comparables: tuple[Comparable, ...]
    quantiles: tuple[float, ...] = ()
    contributions: tuple[Contribution, ...] = ()


class Prediction(Struct, frozen=True):
    """A forecast held against a listing's ask.

    `net_usd` is the expected net profit, `return_` its ratio to the cost (0.25 is 25 %), and
    `probability` the chance that the net is above zero. `sell_chance` is the chance that a resale, asked
    at the forecast's price, is sold within a day, and `sell_hours` the hours within which half of such
    are; None where history does not tell. `cautions` name what the model cannot see.
    """

    forecast: Forecast
    listing_hash: str
    ask_usd: float
    gas_usd: float
    fee: float
    net_usd: float
    return_: float
    probability: float
    cautions: tuple[str, ...] = ()
    sell_chance: float | None = None
    sell_hours: float | None = None

    @property
    def fee_usd(self) -> float:
        """The marketplace's fee on a resale at the forecast's price, in dollars."""
        return self.forecast.resale_usd * self.fee

    @property
    def middle_net_usd(self) -> float:
        """What a resale at exactly the forecast's price would leave, in dollars."""
        return self.forecast.resale_usd - self.fee_usd - self.ask_usd - self.gas_usd

    def chance(self, net_usd: float) -> float | None:
        """The chance that the net profit is above an amount; None where no distribution is stored."""
        quantiles = self.forecast.quantiles
        if not quantiles:
            return None
        needed = (self.ask_usd + self.gas_usd + net_usd) / (1 - self.fee)
        if needed <= quantiles[0]:
            return 1 - QUANTILE_LEVELS[0] / 2
        if needed >= quantiles[-1]:
            return (1 - QUANTILE_LEVELS[-1]) / 2
        above = bisect_right(quantiles, needed)
        low, high = quantiles[above - 1], quantiles[above]
        share = (needed - low) / (high - low)
        return 1 - (
            QUANTILE_LEVELS[above - 1] + share * (QUANTILE_LEVELS[above] - QUANTILE_LEVELS[above - 1])
        )


class Thresholds(Struct, frozen=True):
    """The least a signal must promise: dollars, ratio to the cost, chances of a net above zero and of a sale.

    A chance to sell within a day that is unknown reaches no minimum but 0.
    """

    min_net_usd: float = 0.3
    min_return: float = 0.2
    min_probability: float = 0.7
    min_sell_chance: float = 0.0


class Filters(Struct, frozen=True):
    """Which axies a watch is about. Empty tuples and None mean no restriction; ranges are inclusive."""

    classes: tuple[AxieClass, ...] = ()
    collections: tuple[Collection, ...] = ()  # of which the axie must belong to one, be it the dearest or not
    parts: tuple[str, ...] = ()  # part ids, all of which the axie must have
    min_breed_count: int | None = None
    max_breed_count: int | None = None
    min_purity: int | None = None
    min_level: int | None = None
    min_price_usd: float | None = None
    max_price_usd: float | None = None
    max_age_s: int | None = None  # oldest listing, in market seconds since it started
    tokens: tuple[Token, ...] = ()  # of the ask


class Refusal(StrEnum):
    """Why a listing is no signal for a watch."""

    FILTERED = "filtered"
    PRICE = "price outside range"
    AGE = "too old"
    NOT_OPEN = "not open"
    BANNED = "banned axie"
    NET = "net profit too small"
    RETURN = "return too small"
    PROBABILITY = "probability too small"
    SELL_CHANCE = "chance to sell within a day too small or unknown"


def refusal(
    thresholds: Thresholds, filters: Filters, listing: Listing, prediction: Prediction, at: datetime
) -> Refusal | None:
    """Why the listing is no signal under these thresholds and filters, or None if it is one."""
    if listing.status.final:
        return Refusal.NOT_OPEN
    if listing.axie.banned:
        return Refusal.BANNED
    if not _matches(filters, listing.axie) or (filters.tokens and listing.token not in filters.tokens):
        return Refusal.FILTERED
    if not _within(prediction.ask_usd, filters.min_price_usd, filters.max_price_usd):
        return Refusal.PRICE
    if filters.max_age_s is not None and (at - listing.started_at).total_seconds() > filters.max_age_s:
        return Refusal.AGE
    if prediction.net_usd < thresholds.min_net_usd:
        return Refusal.NET
    if prediction.return_ < thresholds.min_return:
        return Refusal.RETURN
    if prediction.probability < thresholds.min_probability:
        return Refusal.PROBABILITY
    if thresholds.min_sell_chance > (prediction.sell_chance or 0.0):
        return Refusal.SELL_CHANCE
    return None


def _matches(filters: Filters, axie: Axie) -> bool:
    if filters.classes and axie.class_ not in filters.classes:
        return False
    if filters.collections and collections(axie).isdisjoint(filters.collections):
        return False
    if filters.parts and not set(filters.parts) <= {part.id for part in axie.parts}:
        return False
    if not _within(axie.breed_count, filters.min_breed_count, filters.max_breed_count):
        return False
    # An axie whose purity or level is unknown cannot be shown to satisfy a minimum.
    return _within(axie.purity, filters.min_purity, None) and _within(axie.level, filters.min_level, None)


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    if value is None:
        return low is None and high is None
    return (low is None or value >= low) and (high is None or value <= high)
