"""Follows the floors: asks the marketplace for the cheapest axies of each group, every quarter of an hour.

What the bot has seen itself would not do: the cheapest axie may have been listed before it first looked,
or be sold without its knowing.
"""

from __future__ import annotations

import math

from bot.services.predictor import Predictor
from bot.services.trends import Floor, Trends
from pipeline.clock import Clock, pace
from pipeline.market.client import MarketClient
from pipeline.market.groups import ALL, CRITERIA
from pipeline.market.pages import Page
from pipeline.market.values import Listing, Rates

EVERY_S = 900.0  # market seconds


class Floors:
    """Reads the floor of every group in turn, and stores them as of one moment."""

    def __init__(self, client: MarketClient, predictor: Predictor, trends: Trends, clock: Clock) -> None:
        self._client = client
        self._predictor = predictor
        self._trends = trends
        self._clock = clock

    async def turn(self) -> float:
        """Read all floors. Returns the seconds to wait before the next turn."""
        rates = self._predictor.rates
        if rates is None:
            return 1.0
        at = self._clock.now()
        pages = {group: await self._client.cheapest(criteria) for group, criteria in CRITERIA.items()}
        appraiser = self._predictor.appraiser
        level = None if appraiser is None else math.exp(appraiser.state.level)
        asks = {group: floor(page, rates) for group, page in pages.items()}
        # The cheapest page of all may hold nothing that can be bought, where those of its parts do.
        asks[ALL] = min((ask for ask in asks.values() if ask is not None), default=None)
        await self._trends.record_floors(
            [
                Floor(group, at, asks[group], page.total, level if group == ALL else None)
                for group, page in pages.items()
            ]
        )
        return pace(self._clock, EVERY_S, at_least_s=5.0)


def floor(page: Page[Listing], rates: Rates) -> float | None:
    """The least ask in dollars of what can be bought; None where nothing can."""
    asks = [
        listing.ask(page.at).usd(rates)
        for listing in page.rows
        if not listing.axie.banned and not listing.status.final and listing.token in rates.usd
    ]
    return min(asks, default=None)
