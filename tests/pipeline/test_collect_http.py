"""Collection and labels against a simulated marketplace over real HTTP, whose truth is known."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

from pipeline.clock import ManualClock
from pipeline.collect import CollectBudget, collect
from pipeline.datasets import read_records
from pipeline.labels import build_sales, listing_outcomes
from pipeline.market.budget import RequestLimits
from pipeline.market.client import MarketClient
from pipeline.market.values import Resolution, Sale
from pipeline.objects import LocalStore
from sandbox.marketplace import MarketConfig, serve

KEY = "a-key-for-the-market"
MANY = 1_000_000
TOKENS = ("WETH", "USDC", "AXS", "WRON", "SLP")
HOUR = 3_600


async def test_a_simulated_market_is_collected_whole_and_labelled_right(tmp_path: Path) -> None:
    config = MarketConfig(
        speed=0,
        history_days=1.0,
        book=4_000,
        sales_a_day=2_500,
        api_key=KEY,
        per_second=MANY,
        per_minute=MANY,
        per_hour=MANY,
        per_day=MANY,
    )
    store, clock = LocalStore(tmp_path), ManualClock(config.epoch)
    budget = CollectBudget(history=timedelta(days=1))
    async with (
        serve(config) as market,
        MarketClient(market.url, KEY, clock, limits=RequestLimits(MANY, MANY)) as client,
    ):
        first = await collect(client, store, clock, budget=budget)
        market.world.advance(6 * HOUR)
        clock.advance(6 * HOUR)
        second = await collect(client, store, clock, budget=budget)
        economy = market.world.economy

    for summary in (first, second):
        assert (summary.gaps, summary.stopped, summary.failures) == (0, None, Counter()), str(summary)
    assert first.rows["listings"] > 4_000, "the newest pages alone hold no more than 2,000"
    assert second.rows["resolutions"] + second.rows["sightings"] == first.rows["listings"]
    assert second.standing is not None
    assert "the sweep is complete" in second.standing
    assert any(row.status.final for row in read_records(store, "resolutions", Resolution))

    collected = [sale.id for sale in read_records(store, "sales", Sale)]
    assert len(collected) == len(set(collected))
    columns = economy.population.columns
    beginning = (config.epoch - timedelta(days=1)).timestamp()
    adult = [
        sale
        for sale in (economy.sales[number] for number in economy.feed)
        if not columns["egg"][sale.order.row] and sale.at >= beginning
    ]
    assert len(collected) == len(adult)

    truth = {(int(columns["id"][sale.order.row]), int(sale.at)): sale for sale in economy.sales}
    result = build_sales(store)
    labelled = zip(
        result.table["axie_id"], result.table["sold_at"], result.table["payment_token"], strict=True
    )
    told = [
        (TOKENS[truth[moment].order.token], token)
        for axie_id, sold_at, token in labelled
        if (moment := (axie_id, int(sold_at.timestamp()))) in truth
    ]
    assert len(told) > 0.85 * len(adult)
    assert sum(true == token for true, token in told) >= 0.99 * len(told)
    assert len(result.table) + result.excluded.total() >= len(adult)

    outcomes = listing_outcomes(store)
    sold_at = {sale.order.hash: sale.at for sale in economy.sales}
    assert len(outcomes) > 500
    assert sum(outcome.sold for outcome in outcomes) > 100
    for outcome in outcomes:
        true = sold_at.get(outcome.hash)
        if outcome.sold_by is not None:
            assert true is not None
            assert outcome.open_until.timestamp() - 1 <= true <= outcome.sold_by.timestamp() + 1
        elif true is not None:
            assert outcome.open_until.timestamp() <= true
