"""All there is to say of one axie: what it is, what it is worth now, and what became of it so far."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from msgspec import Struct

from bot.errors import NotFound
from bot.services.history import History, Seen
from bot.services.parts import Parts
from bot.services.predictor import Predictor
from bot.services.trends import PastSale, Trends
from pipeline.market.client import MarketClient
from pipeline.market.errors import MarketError, MarketUnavailable
from pipeline.market.pages import AxieDetail
from pipeline.market.payment import SELDOM_SPREAD, SPREAD, paid_in
from pipeline.market.traits import collection
from pipeline.signal import Forecast, Prediction

ANSWER_S: Final = 45.0  # nobody waits longer for an answer
_SALES: Final = 10
log = structlog.get_logger(__name__)


class AxiePage(Struct, frozen=True):
    """An axie with its forecast, and the prediction of its listing if it is for sale.

    `sales` and `seen` are newest first; `of_genes` names genes by the parts that they show as.
    """

    detail: AxieDetail
    forecast: Forecast
    prediction: Prediction | None
    sales: tuple[PastSale, ...]
    seen: tuple[Seen, ...]
    of_genes: Mapping[str, str]


class Axies:
    """Asks the marketplace, the model and the database for one axie."""

    def __init__(
        self, market: MarketClient, predictor: Predictor, trends: Trends, history: History, parts: Parts
    ) -> None:
        self._market = market
        self._predictor = predictor
        self._trends = trends
        self._history = history
        self._parts = parts

    async def page(self, guild_id: int, axie_id: int) -> AxiePage:
        """The axie's page for a server. `NotFound` for an egg and an unknown number."""
        try:
            async with asyncio.timeout(ANSWER_S):
                detail = (await self._market.axies([axie_id])).get(axie_id)
                if detail is None:
                    raise NotFound(
                        f"The marketplace knows no adult axie #{axie_id}. Check the number; eggs cannot be "
                        "priced."
                    )
                prediction = None if detail.listing is None else self._predictor.predict(detail.listing)
                forecast = prediction.forecast if prediction else self._predictor.forecast(detail.axie)
                sales = await self._sales(detail, forecast)
        except TimeoutError:
            raise MarketUnavailable(f"no answer within {ANSWER_S:.0f} s") from None
        seen = await self._history.of_axie(guild_id, axie_id)
        return AxiePage(detail, forecast, prediction, sales, tuple(seen), await self._parts.of_genes())

    async def _sales(self, detail: AxieDetail, forecast: Forecast) -> tuple[PastSale, ...]:
        """The axie's sales as the marketplace tells them, else as the bot has seen them.

        A sale whose token cannot be told for certain is left out, as everywhere.
        """
        rates = self._predictor.rates
        spread = SELDOM_SPREAD if collection(detail.axie) else SPREAD
        try:
            page = None if rates is None else await self._market.sales_of(detail.axie.id, _SALES)
        except MarketError as error:
            log.info("an axie's sales could not be read", axie=detail.axie.id, reason=str(error))
            page = None
        if page is None or rates is None:
            return tuple(await self._trends.of_axie(detail.axie.id, _SALES))
        priced = ((sale, paid_in(sale.amount, rates, forecast.resale_usd, spread)) for sale in page.rows)
        return tuple(PastSale(sale.sold_at, price.usd(rates)) for sale, price in priced if price is not None)
