"""Sales and floors on record, and the floors as the marketplace itself knows them."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from bot.db import Database
from bot.services.floors import Floors
from bot.services.trends import Bucket, Checked, Floor, PastSale, Sold, Traded, Trends
from pipeline.appraisal.state import MarketState
from pipeline.clock import ManualClock
from pipeline.market.groups import ALL, CRITERIA, of_class, of_collection
from pipeline.market.pages import Page
from pipeline.market.traits import Collection
from pipeline.market.values import Axie, AxieClass, Listing, Part, Rates, Sale, Slot, Token
from tests.bot.factories import NOON, make_axie, make_forecast, make_listing
from tests.bot.market import opened

_ids = count()


@pytest.fixture
def trends(db: Database) -> Trends:
    return Trends(db)


def sold(usd: float, hours_ago: float = 0, axie: Axie | None = None, **forecast: Any) -> Sold:
    axie = axie or make_axie()
    sale = Sale(f"0x{next(_ids)}:{axie.id}", axie, NOON - timedelta(hours=hours_ago), 1, "0xa", "0xb")
    return Sold(sale, usd, make_forecast(axie_id=axie.id, **forecast) if forecast else None)


def mystic() -> Axie:
    parts = tuple(Part(f"{slot}-x", slot, AxieClass.BUG, special="Mystic") for slot in Slot)
    return make_axie(class_=AxieClass.BUG, parts=parts)


async def test_what_is_traded_is_added_up_by_span_class_and_collection(trends: Trends) -> None:
    await trends.record_sales(
        [sold(5.0), sold(7.0, 1), sold(90.0, 1, mystic()), sold(1.0, 12), sold(1.0, 13), sold(4.0, 40)]
    )
    since = NOON - timedelta(hours=24)
    assert await trends.traded(since, NOON, 1) == [
        Bucket(NOON - timedelta(hours=13), Traded(1, 1.0)),
        Bucket(NOON - timedelta(hours=12), Traded(1, 1.0)),
        Bucket(NOON - timedelta(hours=1), Traded(2, 97.0)),
        Bucket(NOON, Traded(1, 5.0)),
    ]
    midnight = NOON.replace(hour=0)
    assert await trends.traded(since, NOON, 24) == [
        Bucket(midnight - timedelta(days=1), Traded(1, 1.0)),
        Bucket(midnight, Traded(4, 103.0)),
    ]
    assert await trends.by_class(since) == {AxieClass.BEAST: Traded(4, 14.0), AxieClass.BUG: Traded(1, 90.0)}
    assert await trends.by_collection(since) == {Collection.MYSTIC: Traded(1, 90.0)}


async def test_a_sale_is_recorded_once_and_found_by_its_axie(trends: Trends) -> None:
    axie = make_axie()
    first, again = sold(5.0, 3, axie), sold(8.0, 1, axie)
    await trends.record_sales([first, again])
    await trends.record_sales([Sold(first.sale, 99.0, None), sold(1.0)])
    assert await trends.of_axie(axie.id) == [
        PastSale(again.sale.sold_at, 8.0),
        PastSale(first.sale.sold_at, 5.0),
    ]


async def test_a_version_is_checked_by_the_sales_that_it_had_forecast(trends: Trends) -> None:
    told = {"model_version": "v2", "resale_usd": 10.0, "low_usd": 8.0, "high_usd": 13.0}
    await trends.record_sales(
        [
            sold(9.0, 1, **told),
            sold(9.5, 30, **told),
            sold(5.0, 1, **{**told, "model_version": "v1"}),
            sold(6.0, 1),
        ]
    )
    since = NOON - timedelta(days=1)
    assert await trends.checked("v2", since) == [Checked(9.0, 10.0, 8.0, 13.0)]


async def test_the_last_floor_of_each_group_is_known_and_how_it_came_about(trends: Trends) -> None:
    bug = of_class(AxieClass.BUG)
    earlier = [Floor(ALL, NOON - timedelta(hours=1), 1.0, 900, 2.5), Floor(bug, NOON, None, 0, None)]
    latest = Floor(ALL, NOON, 1.2, 905, 2.6)
    await trends.record_floors([*earlier, latest])
    assert await trends.floors() == {ALL: latest, bug: earlier[1]}
    assert await trends.floor_history(ALL, NOON - timedelta(hours=2)) == [earlier[0], latest]
    assert await trends.floor_history(ALL, NOON) == [latest]


async def test_floors_are_those_of_the_marketplace(trends: Trends) -> None:
    async with opened() as stall:
        state = MarketState()
        known = SimpleNamespace(rates=await stall.client.rates(), appraiser=SimpleNamespace(state=state))
        await Floors(stall.client, cast(Any, known), trends, stall.clock).turn()
        found = await trends.floors()
        assert set(found) == set(CRITERIA)
        economy = stall.world.economy
        slots = economy.book.open_slots()
        rows = economy.book.row[slots]
        usd = economy.book.usd(slots, economy.now, economy.rates)
        adult = ~economy.population.columns["egg"][rows]
        skins = economy.population.columns["skins"][rows]
        groups = {
            ALL: adult,
            of_class(AxieClass.BEAST): adult & (economy.population.columns["class"][rows] == 0),
            of_collection(Collection.SUMMER): adult & np.isin(skins, (6, 7, 8, 9, 10, 11)).any(axis=1),
        }
        for group, among in groups.items():
            least = found[group].floor_usd
            assert found[group].listed == among.sum()
            assert least is not None
            # A banned axie or an order that the market withholds at first does not make the floor.
            assert usd[among].min() * 0.99 <= least <= np.sort(usd[among])[4] * 1.01
        assert found[ALL].level_usd == 1.0


class Cheapest:
    """A marketplace whose cheapest axies of all are banned, and whose beasts are not."""

    async def cheapest(self, criteria: Any) -> Page[Listing]:
        beasts = criteria.get("classes") == CRITERIA[of_class(AxieClass.BEAST)]["classes"]
        axie = make_axie(banned=not beasts)
        listings = (make_listing(axie=axie),)
        return Page(listings, rejected=(), total=9, pending=(), seen=1, received=0.0, at=NOON)


async def test_the_floor_of_all_is_the_least_of_its_parts_where_its_own_page_holds_nothing_to_buy(
    trends: Trends, clock: ManualClock
) -> None:
    known = SimpleNamespace(rates=Rates(NOON, {Token.WETH: 2000.0}), appraiser=None)
    await Floors(cast(Any, Cheapest()), cast(Any, known), trends, clock).turn()
    found = await trends.floors()
    assert found[of_class(AxieClass.PLANT)].floor_usd is None
    assert found[ALL].floor_usd == found[of_class(AxieClass.BEAST)].floor_usd is not None


async def test_without_rates_no_floor_is_asked_for(trends: Trends) -> None:
    async with opened() as stall:
        asked = stall.client.stats.requests
        known = SimpleNamespace(rates=None, appraiser=None)
        await Floors(stall.client, cast(Any, known), trends, stall.clock).turn()
        assert stall.client.stats.requests == asked
