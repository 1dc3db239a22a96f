"""The sale feed and the rates, followed over real HTTP from the simulated marketplace."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.services.feed import RatesFeed, SalesFeed
from bot.services.predictor import Predictor
from bot.services.trends import Sold, Trends
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import SaleEvent
from pipeline.market.errors import MarketUnavailable
from pipeline.market.values import Axie, Token
from pipeline.signal import Forecast
from sandbox.marketplace.orders import TOKENS
from tests.bot.factories import make_forecast
from tests.bot.market import Stall, opened


class Watching:
    """As much of a predictor as the feeds touch: rates, and a state that remembers what it was shown."""

    def __init__(self) -> None:
        self.rates: Any = None
        self.shown: list[SaleEvent] = []
        self.exchange(at=0.0)

    def exchange(self, at: float) -> None:
        state = MarketState()
        state.at = at
        self.appraiser = SimpleNamespace(state=state, forecast=self.forecast)

    def forecast(self, axie: Axie, at: datetime) -> Forecast:
        """Tells how many sales the state had seen before: the price is that number and a half."""
        return make_forecast(axie_id=axie.id, at=at, resale_usd=len(self.shown) + 0.5, low_usd=0.5)

    def observe(self, events: list[SaleEvent]) -> None:
        self.shown += events
        self.appraiser.state.replay(events)


class Record:
    """Trends that keep what they are given, and may fail."""

    def __init__(self) -> None:
        self.sold: list[Sold] = []
        self.failure: Exception | None = None

    async def record_sales(self, sold: Sequence[Sold]) -> None:
        if self.failure:
            raise self.failure
        self.sold += sold


async def feeds(stall: Stall, predictor: Watching, record: Record | None = None) -> SalesFeed:
    known = cast(Predictor, predictor)
    await RatesFeed(stall.client, known, stall.clock).turn()
    return SalesFeed(stall.client, known, cast(Trends, record or Record()), stall.clock)


def ids(events: list[SaleEvent]) -> list[tuple[int, float]]:
    return [(event.subject.axie_id, event.at) for event in events]


def true_prices(stall: Stall) -> dict[tuple[int, float], float]:
    """Dollars by axie and second, at today's rates, which drift little within hours."""
    economy = stall.world.economy
    ids = economy.population.columns["id"]
    return {
        (int(ids[sale.order.row]), float(math.floor(sale.at))): sale.price
        / 10 ** TOKENS[sale.order.token].decimals
        * float(economy.rates[sale.order.token])
        for sale in economy.sales
    }


async def test_the_rates_are_those_of_the_market() -> None:
    async with opened() as stall:
        predictor = Watching()
        await feeds(stall, predictor)
        assert predictor.rates.usd[Token.USDC] == pytest.approx(1.0, abs=0.01)
        assert predictor.rates.usd[Token.WETH] > 100


async def test_every_sale_is_shown_once_in_order_at_its_true_price() -> None:
    async with opened() as stall:
        predictor = Watching()
        predictor.exchange(at=stall.clock.now().timestamp())
        feed = await feeds(stall, predictor)
        for _ in range(5):
            stall.advance(3600)
            await feed.turn()
        await feed.turn()
        shown = ids(predictor.shown)
        assert len(shown) > 40
        assert len(set(shown)) == len(shown)
        truth = true_prices(stall)
        for event in predictor.shown:
            assert event.price_usd == pytest.approx(truth[event.subject.axie_id, event.at], rel=0.05)
            [(token, rate)] = event.quotes
            assert rate == predictor.rates.usd[Token(token)]
        assert {name for event in predictor.shown for name, _ in event.quotes} >= {Token.WETH, Token.USDC}


async def test_another_model_is_brought_up_to_date_from_where_its_training_ended() -> None:
    async with opened() as stall:
        predictor = Watching()
        start = stall.clock.now().timestamp()
        predictor.exchange(at=start)
        feed = await feeds(stall, predictor)
        stall.advance(1800)
        await feed.turn()
        first = ids(predictor.shown)
        predictor.shown.clear()
        predictor.exchange(at=start)
        await feed.turn()
        assert ids(predictor.shown) == first
        predictor.shown.clear()
        predictor.exchange(at=start + 1200)
        await feed.turn()
        late = ids(predictor.shown)
        assert late == [key for key in first if key[1] > start + 1200]


async def test_without_a_model_nothing_is_asked() -> None:
    async with opened() as stall:
        predictor = Watching()
        feed = await feeds(stall, predictor)
        predictor.appraiser = None  # type: ignore[assignment]
        asked = stall.client.stats.requests
        await feed.turn()
        assert stall.client.stats.requests == asked


async def test_sales_read_before_a_failure_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as stall:
        predictor = Watching()
        predictor.exchange(at=stall.clock.now().timestamp())
        feed = await feeds(stall, predictor)
        stall.advance(5 * 3600)
        read, pages = stall.client.sales, []

        async def failing(**query: Any) -> Any:
            pages.append(query)
            if len(pages) == 2:
                raise MarketUnavailable("the second page fails")
            return await read(**query)

        monkeypatch.setattr(stall.client, "sales", failing)
        with pytest.raises(MarketUnavailable):
            await feed.turn()
        assert not predictor.shown
        await feed.turn()
        shown = ids(predictor.shown)
        assert len(pages) > 3
        whole = Watching()
        whole.exchange(at=predictor.shown[0].at - 1)
        await (await feeds(stall, whole)).turn()
        assert set(shown) == set(ids(whole.shown))


async def test_each_sale_is_recorded_with_what_was_forecast_before_the_model_had_seen_it() -> None:
    async with opened() as stall:
        predictor, record = Watching(), Record()
        predictor.exchange(at=stall.clock.now().timestamp())
        feed = await feeds(stall, predictor, record)
        stall.advance(5 * 3600)
        await feed.turn()
        assert len(record.sold) == len(predictor.shown) > 25
        for number, sold in enumerate(record.sold):
            assert sold.forecast is not None
            assert sold.forecast.resale_usd == number + 0.5
            assert sold.price_usd == predictor.shown[number].price_usd
            assert sold.sale.axie.id == predictor.shown[number].subject.axie_id


async def test_what_could_not_be_recorded_is_recorded_later_and_seen_but_once() -> None:
    async with opened() as stall:
        predictor, record = Watching(), Record()
        predictor.exchange(at=stall.clock.now().timestamp())
        feed = await feeds(stall, predictor, record)
        stall.advance(3600)
        record.failure = OSError("the disk is full")
        with pytest.raises(OSError, match="full"):
            await feed.turn()
        record.failure = None
        stall.advance(3600)
        await feed.turn()
        assert [sold.price_usd for sold in record.sold] == [event.price_usd for event in predictor.shown]
        assert len({sold.sale.id for sold in record.sold}) == len(record.sold) > 5
