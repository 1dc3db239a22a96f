"""The client and the watcher against the simulated marketplace, which was written without knowing them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.market.asking import Retries
from pipeline.market.client import MarketClient
from pipeline.market.errors import KeyRejected, MarketBlocked, MarketUnavailable, QueryRejected
from pipeline.market.values import AxieClass, OrderStatus, Token
from pipeline.market.watcher import Watcher
from sandbox.marketplace import Market, MarketConfig, serve

CONFIG = MarketConfig(speed=0, history_days=0.25, book=1_200, api_key="let-me-in")


class MarketTime:
    """Market time as the simulated market has it."""

    speed = 0.0

    def __init__(self, market: Market) -> None:
        self._market = market

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._market.world.economy.now, UTC)


@dataclass
class Setting:
    market: Market
    client: MarketClient
    clock: MarketTime
    slept: list[float]

    def fault(self, name: str, **options: Any) -> None:
        self.market.world.faults.add({"name": name, **options})

    def watcher(self) -> Watcher:
        return Watcher(self.client, self.clock)


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with AsyncExitStack() as stack:
        market = await stack.enter_async_context(serve(CONFIG))
        clock = MarketTime(market)
        client = MarketClient(market.url, CONFIG.api_key, clock, sleep=sleep)
        yield Setting(market, await stack.enter_async_context(client), clock, slept)


async def test_every_question_is_answered_in_domain_values(setting: Setting) -> None:
    client = setting.client
    newest = await client.newest_listings()
    assert len(newest.rows) + len(newest.rejected) + len(newest.pending) == newest.seen == 100
    assert len(newest.rows) >= 90
    assert newest.at == setting.clock.now()
    listing = newest.rows[0]
    details = await client.axies([listing.axie.id, 99_999_999])
    assert details[listing.axie.id].listing is not None
    assert details[listing.axie.id].axie == listing.axie
    assert set(details) == {listing.axie.id}
    found = await client.orders([listing.hash, "0" * 64])
    assert found == {listing.hash: found[listing.hash]}
    assert found[listing.hash].status is OrderStatus.OPEN
    rates = await client.rates()
    assert set(rates.usd) == set(Token)
    sales = await client.sales(size=20)
    assert len(sales.rows) + len(sales.rejected) == 20
    older = await client.sales(before=min(sale.sold_at for sale in sales.rows), size=20)
    assert max(sale.sold_at for sale in older.rows) <= min(sale.sold_at for sale in sales.rows)
    assert (await client.settled()).seen == 20
    assert await client.check_queries() == []
    assert client.stats.drift == []
    assert client.budget.snapshot().minute.used == client.stats.requests


async def test_standing_listings_by_class_and_breed_count_make_up_the_whole_book(setting: Setting) -> None:
    whole = await setting.client.standing_listings(size=1)
    parts: dict[str, int] = {}
    for class_ in AxieClass:
        page = await setting.client.standing_listings([class_], [2])
        assert all(row.axie.class_ is class_ and row.axie.breed_count == 2 for row in page.rows)
        totals = [
            (await setting.client.standing_listings([class_], [n], size=1)).total or 0 for n in range(8)
        ]
        parts[class_] = sum(totals)
    assert sum(parts.values()) == whole.total


async def test_the_prices_of_auctions_and_fixed_offers_are_those_of_the_market(setting: Setting) -> None:
    world = setting.market.world
    page = await setting.client.newest_listings()
    assert any(row.is_auction for row in page.rows)
    for row in page.rows:
        order = world.economy.by_hash[row.hash]
        assert row.ask(setting.clock.now()).amount == order.price(world.economy.now)


async def test_the_watcher_finds_every_order_that_stays_exactly_once(setting: Setting) -> None:
    world, watcher = setting.market.world, setting.watcher()
    start = world.economy.now
    got = [listing.hash for listing in (await _turn(watcher)).listings]
    for span in (30, 5, 600, 1, 3_600, 120, 7_200, 5, 5, 5, 5, 60, 60, 60, 60, 60, 60):
        world.advance(span)
        batch = await _turn(watcher)
        assert batch.gap is None
        got += [listing.hash for listing in batch.listings]
    assert len(got) == len(set(got))
    columns = world.economy.population.columns
    stayed = {
        order.hash
        for order in world.economy.orders
        if start < order.listed < world.economy.now - 120
        and order.status.value == "Open"
        and not columns["egg"][order.row]
    }
    assert len(stayed) > 100
    assert stayed <= set(got)


async def _turn(watcher: Watcher) -> Any:
    batch = await watcher.poll()
    watcher.acknowledge(batch)
    return batch


@pytest.mark.parametrize("name", ["server-error", "upstream-error", "reset"])
async def test_a_passing_fault_costs_no_more_than_another_try(setting: Setting, name: str) -> None:
    setting.fault(name, times=2)
    assert (await setting.client.newest_listings()).seen == 100
    assert setting.client.stats.retries == 2
    assert len(setting.slept) == 2


async def test_a_lasting_fault_ends_in_a_clear_error(setting: Setting) -> None:
    setting.fault("server-error", status=503)
    with pytest.raises(MarketUnavailable, match="503"):
        await setting.client.rates()


async def test_a_protection_page_is_told_from_a_bad_key(setting: Setting) -> None:
    setting.fault("html-403", times=1)
    with pytest.raises(MarketBlocked):
        await setting.client.rates()
    for key in (None, "wrong"):
        async with MarketClient(setting.market.url, key, setting.clock, retries=Retries(1)) as client:
            with pytest.raises(KeyRejected):
                await client.rates()


async def test_malformed_rows_are_set_aside_and_never_stop_a_page(setting: Setting) -> None:
    whole = await setting.client.newest_listings()
    setting.fault("malformed-rows", rate=0.5)
    for _ in range(10):
        page = await setting.client.newest_listings()
        assert page.seen == 100
        assert len(page.rows) + len(page.rejected) + len(page.pending) == 100
        assert page.rejected
        good = {row.hash: row for row in whole.rows}
        for row in page.rows:
            assert row.base == good[row.hash].base
            assert row.axie.class_ == good[row.hash].axie.class_
        assert (await setting.client.sales()).seen == 50
    assert len(setting.client.stats.rejected) >= 3


async def test_a_vanished_field_is_named_and_made_up_for(setting: Setting) -> None:
    before = await setting.client.newest_listings()
    setting.fault("vanished-field", type="Axie", field="purity")
    setting.fault("vanished-field", type="AxiePart", field="specialGenes")
    setting.fault("vanished-field", type="Axie", field="axpInfo")
    after = await setting.client.newest_listings()
    assert sorted(setting.client.stats.drift) == ["Axie.axpInfo", "Axie.purity", "AxiePart.specialGenes"]
    assert [row.axie.purity for row in after.rows] == [row.axie.purity for row in before.rows]
    assert [row.axie.parts for row in after.rows] == [row.axie.parts for row in before.rows]
    named = {problem.field for problem in await setting.client.check_queries()}
    assert named == {"Axie.axpInfo", "Axie.purity", "AxiePart.specialGenes"}
    setting.fault("vanished-field", type="Order", field="paymentToken")
    with pytest.raises(QueryRejected, match=r"Order\.paymentToken"):
        await setting.client.newest_listings()
