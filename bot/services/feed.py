"""Keeps the market's state fresh: the sale feed and the exchange rates.

The state of a model ends with its training data; the feed is read back to there once and followed from
then on. Sales whose payment token cannot be told are left out, as they are in training.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict
from datetime import UTC, datetime, timedelta

import structlog

from bot.services.predictor import Predictor
from bot.services.trends import Sold, Trends
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import SaleEvent, from_axie
from pipeline.clock import Clock, pace
from pipeline.market.client import MarketClient
from pipeline.market.payment import SELDOM_SPREAD, SPREAD, paid_in
from pipeline.market.values import Rates, Sale

log = structlog.get_logger()

EVERY_S = 120.0  # market seconds between two looks at the feed
RATES_EVERY_S = 240.0
PAGE = 50
MAX_PAGES = 60  # 3,000 sales: the better part of a day
REMEMBERED = 10_000
AT_ONCE = 20  # sales looked at without a pause, some ten milliseconds


class SalesFeed:
    """Follows the sale feed into the predictor's market state, and puts every sale on record."""

    def __init__(self, client: MarketClient, predictor: Predictor, trends: Trends, clock: Clock) -> None:
        self._client = client
        self._predictor = predictor
        self._trends = trends
        self._clock = clock
        self._unrecorded: list[Sold] = []
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._followed: MarketState | None = None
        self._until = 0.0
        self.excluded: Counter[str] = Counter()

    async def turn(self) -> float:
        """Read what was sold since the last turn. Returns the seconds to wait before the next."""
        appraiser, rates = self._predictor.appraiser, self._predictor.rates
        if appraiser is None or rates is None:
            return 1.0
        state = appraiser.state
        if state is not self._followed:  # another model: its state ends where its training data did
            self._followed, self._until = state, state.at
            self._seen.clear()
        sales = await self._since(self._until)
        priced = [(event, sale) for sale in sales if (event := self._event(sale, state, rates)) is not None]
        priced.sort(key=lambda pair: pair[0].at)
        for begin in range(0, len(priced), AT_ONCE):
            await asyncio.sleep(0)  # a day of sales takes seconds; listings go first
            if self._predictor.appraiser is not appraiser:
                return 1.0
            chunk = priced[begin : begin + AT_ONCE]
            for event, sale in chunk:
                # Told before the state sees it, as it would have been of a listing then.
                told = appraiser.forecast(sale.axie, sale.sold_at)
                self._predictor.observe([event])
                self._unrecorded.append(Sold(sale, event.price_usd, told))
            self._remember([sale for _, sale in chunk])
        self._remember(sales)
        await self._trends.record_sales(self._unrecorded)
        self._unrecorded.clear()
        if sales:
            # The feed repairs missing timestamps late: look a little further back than the newest.
            newest = max(sale.sold_at for sale in sales)
            self._until = max(self._until, (newest - timedelta(seconds=2 * EVERY_S)).timestamp())
        return pace(self._clock, EVERY_S, at_least_s=2.0)

    async def _since(self, until: float) -> list[Sale]:
        """Sales after `until` that have not been taken in, newest first."""
        found: dict[str, Sale] = {}
        before: datetime | None = None
        for _ in range(MAX_PAGES):
            page = await self._client.sales(before=before, size=PAGE)
            for sale in page.rows:
                if sale.id not in self._seen and sale.sold_at.timestamp() > until:
                    found.setdefault(sale.id, sale)
            if page.seen < PAGE or not page.rows:
                break
            oldest = min(sale.sold_at for sale in page.rows)
            if oldest.timestamp() <= until or oldest == before:
                break
            before = oldest
        else:
            log.warning("older sales were left out of the market's state", read=len(found), since=until)
        return list(found.values())

    def _remember(self, sales: list[Sale]) -> None:
        """Only what was taken in counts as seen: the rest is read again after a failure."""
        for sale in sales:
            self._seen[sale.id] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _event(self, sale: Sale, state: MarketState, rates: Rates) -> SaleEvent | None:
        if sale.buyer == sale.seller:
            self.excluded["self-trade"] += 1
            return None
        subject = from_axie(sale.axie)
        at = sale.sold_at.astimezone(UTC).timestamp()
        expected = math.exp(state.level + state.expected(subject, at))
        price = paid_in(sale.amount, rates, expected, SELDOM_SPREAD if subject.collection else SPREAD)
        if price is None:
            self.excluded["ambiguous token"] += 1
            return None
        return SaleEvent(subject, at, price.usd(rates), [(price.token.value, rates.usd[price.token])])


class RatesFeed:
    """Keeps the exchange rates fresh."""

    def __init__(self, client: MarketClient, predictor: Predictor, clock: Clock) -> None:
        self._client = client
        self._predictor = predictor
        self._clock = clock

    async def turn(self) -> float:
        """Read the rates. Returns the seconds to wait before the next turn."""
        self._predictor.rates = await self._client.rates()
        return pace(self._clock, RATES_EVERY_S)
