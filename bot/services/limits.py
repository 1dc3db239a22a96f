"""What a watch may say: each limit once, with the sentence that a person reads when it is passed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bot.errors import AxieflipError
from bot.services.pacing import DAY_MINUTES, Delivery

if TYPE_CHECKING:
    from bot.services.watches import Watch
    from pipeline.signal import Filters, Thresholds

MAX_NAME = 50
MAX_CAP = 1000  # alerts an hour
MAX_USD = 10_000_000.0


def check(watch: Watch) -> None:
    """Raise an `AxieflipError` that says what to write instead, unless all of the watch makes sense."""
    if not 1 <= len(watch.name) <= MAX_NAME:
        raise AxieflipError(f"The name of a watch has 1 to {MAX_NAME} characters.")
    _check_thresholds(watch.thresholds)
    _check_filters(watch.filters)
    _check_delivery(watch.delivery)


def _check_thresholds(least: Thresholds) -> None:
    if not (_sane(least.min_net_usd) and _sane(least.min_return)):
        raise AxieflipError("The least profit and the least return are plain numbers, not below zero.")
    if not 0 <= least.min_probability <= 1:
        raise AxieflipError("The least probability is between 0 and 1.")
    if not 0 <= least.min_sell_chance <= 1:
        raise AxieflipError("The least chance to sell within a day is between 0 and 1.")


def _check_filters(filters: Filters) -> None:
    _ordered("breed count", filters.min_breed_count, filters.max_breed_count)
    _ordered("ask", filters.min_price_usd, filters.max_price_usd)
    for price in (filters.min_price_usd, filters.max_price_usd):
        if price is not None and not _sane(price):
            raise AxieflipError("A price is a plain number of dollars, not below zero.")


def _check_delivery(delivery: Delivery) -> None:
    if not _sane(delivery.ping_above_usd):
        raise AxieflipError("The profit to ping from is a plain number of dollars, not below zero.")
    if delivery.cap is not None and not 1 <= delivery.cap <= MAX_CAP:
        raise AxieflipError(f"The cap is 1 to {MAX_CAP} alerts an hour.")
    quiet = delivery.quiet
    if quiet is None:
        return
    if not (0 <= quiet.start < DAY_MINUTES and 0 <= quiet.end < DAY_MINUTES) or quiet.start == quiet.end:
        raise AxieflipError("Quiet hours have a beginning and another end, like 22:00-07:00.")


def _sane(value: float) -> bool:
    return math.isfinite(value) and 0 <= value <= MAX_USD


def _ordered(what: str, low: float | None, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        raise AxieflipError(f"The least {what} ({low:g}) is above the most ({high:g}); no axie could match.")
