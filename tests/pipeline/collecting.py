"""A run of the collection against a fake market with two days of sales."""

from __future__ import annotations

from datetime import timedelta

from pipeline.clock import ManualClock
from pipeline.collect import CollectBudget, CollectSummary, collect
from pipeline.objects import LocalStore
from tests.pipeline.fake_market import FakeMarket
from tests.pipeline.market_data import NOW, true_sales

SALES = [true.sale for true in true_sales(1_500, span=timedelta(days=2))]
DAYS = timedelta(days=3)


async def run(
    market: FakeMarket, store: LocalStore, clock: ManualClock | None = None, **budget: object
) -> CollectSummary:
    limits = CollectBudget(**{"history": DAYS, **budget})  # type: ignore[arg-type]
    return await collect(market, store, clock or ManualClock(NOW), budget=limits)
