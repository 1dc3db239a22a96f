from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.db import Database
from bot.services import preview
from bot.services.journal import Entry, Journal
from bot.services.preview import Previews
from pipeline.clock import ManualClock
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, OrderStatus, Part, Resolution, Slot
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import NOON, make_axie, make_forecast, make_listing, make_prediction

ANY = Thresholds(0.0, 0.0, 0.0)


@pytest.fixture
def journal(db: Database, clock: ManualClock) -> Journal:
    return Journal(db, clock)


@pytest.fixture
def previews(db: Database, clock: ManualClock) -> Previews:
    return Previews(db, clock)


async def seen(
    journal: Journal, days_ago: float, net_usd: float, class_: AxieClass = AxieClass.BEAST, **axie: Any
) -> str:
    at = NOON - timedelta(days=days_ago)
    listing = make_listing(
        axie=make_axie(class_=class_, **axie), seen_at=at, started_at=at - timedelta(seconds=5)
    )
    forecast = make_forecast(axie_id=listing.axie.id, at=at)
    prediction = make_prediction(listing, net_usd=net_usd, forecast=forecast)
    await journal.record([Entry(listing, prediction)])
    return listing.hash


async def test_nothing_recorded_is_nothing_to_tell(previews: Previews) -> None:
    assert await previews.of(ANY, Filters()) is None


async def test_what_passes_is_counted_by_the_rule_itself(journal: Journal, previews: Previews) -> None:
    for days_ago, net in ((6.0, 1.0), (3.0, 2.0), (2.0, -1.0), (1.0, 4.0), (8.0, 9.0)):
        await seen(journal, days_ago, net)
    await seen(journal, 0.5, 8.0, AxieClass.PLANT)
    found = await previews.of(Thresholds(1.5, 0.0, 0.0), Filters())
    assert found is not None
    assert (found.signals, found.promised_usd, found.sold) == (3, 14.0, 0)
    assert found.days == pytest.approx(6.0)
    plants = await previews.of(ANY, Filters(classes=(AxieClass.PLANT,), max_age_s=60))
    assert plants is not None
    assert plants.signals == 1
    old = await previews.of(ANY, Filters(max_age_s=4))
    assert old is not None
    assert old.signals == 0


async def test_an_axie_counts_for_whatever_collection_it_belongs_to(
    journal: Journal, previews: Previews
) -> None:
    mystic = tuple(Part(f"{slot}-x", slot, AxieClass.BEAST, special="Mystic") for slot in Slot)
    await seen(journal, 1.0, 4.0, parts=mystic, title="Origin")
    await seen(journal, 1.0, 4.0, parts=mystic)
    for wanted, signals in ((Collection.MYSTIC, 2), (Collection.ORIGIN, 1), (Collection.SUMMER, 0)):
        found = await previews.of(ANY, Filters(collections=(wanted,)))
        assert found is not None
        assert found.signals == signals, wanted


async def test_what_was_sold_counts_as_it_came_out_on_paper(journal: Journal, previews: Previews) -> None:
    sold, cancelled, _ = [await seen(journal, days, 4.0) for days in (3.0, 2.0, 1.0)]
    await journal.resolve(
        [Resolution(sold, OrderStatus.MATCHED, NOON), Resolution(cancelled, OrderStatus.CANCELLED, NOON)]
    )
    found = await previews.of(ANY, Filters())
    assert found is not None
    # Bought at 12.50 and sold at the forecast's 20.00 less 5.25 %, with a cent of gas.
    assert (found.signals, found.sold) == (3, 1)
    assert found.earned_usd == pytest.approx(20 * (1 - 0.0525) - 12.5 - 0.01)


async def test_a_rule_that_lets_everything_through_is_judged_by_a_shorter_time(
    journal: Journal, previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST", 4)
    for days_ago in range(6, 0, -1):
        await seen(journal, days_ago, 4.0)
    found = await previews.of(ANY, Filters())
    assert found is not None
    assert (found.days, found.signals) == (pytest.approx(4.0), 4)
