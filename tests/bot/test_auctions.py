"""A falling price reaches a watch hours after it was first seen, in this life of the bot or the next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import select, text, update

from bot.db import Database
from bot.db.tables import ListingRow, PredictionRow
from bot.services.alerts import Alert
from bot.services.auctions import Auctions
from bot.services.intake import Intake
from bot.services.journal import Journal
from bot.services.mutes import Kind, Mutes
from bot.services.outbox import Outbox
from bot.services.parts import Parts
from bot.services.posts import Posts
from bot.services.predictor import Predictor
from bot.services.stats import IntakeStats
from bot.services.watches import Watch, Watches
from bot.services.weighing import Weighing
from bot.waiting import machine_time
from pipeline.clock import Clock
from pipeline.market.errors import MarketError
from pipeline.market.values import Listing, OrderStatus
from pipeline.market.watcher import Watcher
from pipeline.market.watching import WatcherSettings
from pipeline.signal import Filters, Prediction, Thresholds
from tests.bot.factories import make_forecast, make_prediction
from tests.bot.market import Stall, opened

GUILD, CHANNEL, ACTOR = 1, 2, 3
HOUR = 3600.0


class OneIsWorth:
    """A price model to which one axie is worth some multiple of its first ask, and every other nothing."""

    waits_for_rates = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.axie_id = 0
        self.worth = 0.5
        self.asked: list[str] = []

    def explained(self, listing: Listing, prediction: Prediction) -> Prediction:
        return prediction

    def predict_page(self, listings: Sequence[Listing]) -> list[Prediction | None]:
        return self.predict_again(listings)

    def predict_again(self, listings: Sequence[Listing]) -> list[Prediction | None]:
        self.asked += [listing.hash for listing in listings]
        return [self._priced(listing) for listing in listings]

    def _priced(self, listing: Listing) -> Prediction:
        """In hundredths of the first ask, so that the figures are the same whatever is listed."""
        at = self._clock.now()
        ask = 100 * listing.ask(at).amount / listing.base
        net = (100 * self.worth if listing.axie.id == self.axie_id else 0.0) - ask
        return make_prediction(
            listing, forecast=make_forecast(axie_id=listing.axie.id, at=at), ask_usd=ask, gas_usd=0.0,
            net_usd=net, return_=net / ask, probability=0.9 if net > 0 else 0.1,
        )  # fmt: skip


class Desk:
    """One life of the bot: all that it works with is made anew from the database."""

    def __init__(self, stall: Stall, db: Database, model: OneIsWorth) -> None:
        self.stall, self.model = stall, model
        self.watches, self.mutes = Watches(db, stall.clock), Mutes(db)
        self.journal, self.outbox, self.posts = Journal(db, stall.clock), Outbox(db, stall.clock), Posts(db)
        self.stats = IntakeStats()
        weighing = Weighing(cast(Predictor, model), self.watches, self.mutes, self.stats, stall.clock)
        watcher = Watcher(stall.client, stall.clock, settings=WatcherSettings())
        self.intake = Intake(watcher, weighing, self.journal, self.outbox, self.posts, Parts(db), self.stats)
        self.auctions = Auctions(
            db, stall.client, weighing, self.journal, self.outbox, self.posts, self.stats, stall.clock
        )

    async def watch(self, name: str, min_net_usd: float) -> Watch:
        wants = Thresholds(min_net_usd, 0.0, 0.0)
        return await self.watches.add(GUILD, CHANNEL, name, wants, Filters(), ACTOR)

    async def turn(self) -> None:
        """Weigh all that is due."""
        while await self.auctions.due():
            await self.auctions.turn()

    async def owed(self) -> list[Alert]:
        return [alert for post in await self.outbox.due(1000) for alert in post.alerts]

    async def names(self) -> list[str]:
        return [alert.watch_name for alert in await self.owed()]

    async def delivered(self) -> None:
        for post in await self.outbox.due(1000):
            await self.outbox.delivered(post.id, [alert.id for alert in post.alerts], 7)


@asynccontextmanager
async def falling(db: Database, **wish: Any) -> AsyncIterator[tuple[Desk, Any]]:
    """An auction that falls from 100 to 10 hundredths within ten hours, just seen; worth 50 of them."""
    async with opened() as stall:
        model = OneIsWorth(stall.clock)
        desk = Desk(stall, db, model)
        await desk.intake.turn()
        await desk.watch("near", 10.0)  # from an ask of 40 on, which is after 6 h 40
        course = {"endMultiple": 0.5, "durationSeconds": 10 * HOUR, "askMultiple": 5.0, "buyable": False}
        order = stall.world.inject({"axie": {"class": "Plant"}, **course, **wish})
        model.axie_id = await _axie(stall, order.hash)
        stall.advance(5)
        await desk.intake.turn()
        assert await desk.owed() == []
        yield desk, order


async def _axie(stall: Stall, hash_: str) -> int:
    page = await stall.client.newest_listings(0, 50)
    return next(row.axie.id for row in page.rows if row.hash == hash_)


async def test_it_is_announced_when_its_price_has_fallen_far_enough_and_no_minute_earlier(
    db: Database,
) -> None:
    async with falling(db) as (desk, order):
        desk.stall.advance(6.6 * HOUR)
        await desk.turn()
        assert await desk.owed() == []
        desk.stall.advance(0.1 * HOUR)
        await desk.turn()
        (alert,) = await desk.owed()
        assert alert.listing.hash == order.hash
        assert 39 < alert.prediction.ask_usd <= 40
        assert alert.prediction.net_usd >= 10, "what was found at the lower price is what is told"
        assert desk.stats.announced(order.hash) is not None


async def test_it_is_weighed_seldom_until_then(db: Database) -> None:
    async with falling(db) as (desk, order):
        desk.model.asked.clear()
        for _ in range(220):
            desk.stall.clock.advance(108)
            await desk.turn()
        assert desk.model.asked.count(order.hash) <= 30


async def test_a_watch_is_told_once_and_a_greedier_one_later(db: Database) -> None:
    async with falling(db) as (desk, order):
        await desk.watch("far", 35.0)  # from an ask of 15 on
        desk.stall.advance(7 * HOUR)
        await desk.turn()
        assert await desk.names() == ["near"]
        await desk.delivered()
        desk.stall.advance(1 * HOUR)
        await desk.turn()
        assert await desk.names() == []
        desk.stall.advance(1.5 * HOUR)
        await desk.turn()
        assert await desk.names() == ["far"]
        assert (await desk.owed())[0].listing.hash == order.hash


async def test_what_fell_while_the_bot_was_off_is_announced_by_its_next_life(db: Database) -> None:
    async with falling(db) as (desk, order):
        desk.stall.advance(9 * HOUR)
        again = Desk(desk.stall, db, desk.model)
        await again.turn()
        assert [alert.listing.hash for alert in await again.owed()] == [order.hash]


async def test_a_watch_made_after_the_listing_was_seen_is_told_too(db: Database) -> None:
    async with falling(db) as (desk, _):
        desk.stall.advance(7 * HOUR)
        await desk.turn()
        await desk.watch("late", 11.0)
        desk.stall.advance(0.2 * HOUR)
        await desk.turn()
        assert await desk.names() == ["near", "late"]


async def test_what_is_no_longer_for_sale_is_not_announced_and_its_end_is_noted(db: Database) -> None:
    async with falling(db) as (desk, order):
        desk.stall.advance(3 * HOUR)
        desk.stall.world.inject({"axieId": desk.model.axie_id, "askMultiple": 50.0, "buyable": False})
        desk.stall.advance(4 * HOUR)
        await desk.turn()
        assert await desk.owed() == []
        assert (await stored(db, order.hash)).status == OrderStatus.CANCELLED


async def test_nothing_is_announced_while_the_market_cannot_be_asked_and_nothing_is_lost_by_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with falling(db) as (desk, _):
        desk.stall.advance(7 * HOUR)
        with monkeypatch.context() as broken:

            async def fail(hashes: Any) -> Any:
                raise MarketError("out of reach")

            broken.setattr(desk.stall.client, "orders", fail)
            with pytest.raises(MarketError):
                await desk.auctions.turn()
            assert await desk.owed() == []
        await desk.turn()
        assert await desk.names() == ["near"]


async def test_what_is_muted_meanwhile_is_told_once_the_mute_has_ended(db: Database) -> None:
    async with falling(db) as (desk, _):
        (watch,) = await desk.watches.list(GUILD)
        until = machine_time() + timedelta(hours=1)
        mute = await desk.mutes.add(GUILD, Kind.WATCH, str(watch.id), "near", until, ACTOR)
        desk.stall.advance(7 * HOUR)
        await desk.turn()
        assert await desk.owed() == []
        await desk.mutes.remove(GUILD, mute.id, ACTOR)
        desk.stall.advance(0.2 * HOUR)
        await desk.turn()
        assert await desk.names() == ["near"]


async def test_an_order_that_paid_from_the_first_is_not_announced_again_as_it_falls(db: Database) -> None:
    async with falling(db, askMultiple=0.5, endMultiple=0.4) as (desk, order):
        desk.model.worth = 2.0
        desk.stall.advance(1 * HOUR)
        await desk.turn()
        desk.stall.advance(6 * HOUR)
        await desk.turn()
        assert await desk.names() == ["near"]
        await desk.delivered()
        desk.stall.advance(5 * HOUR)
        await desk.turn()
        assert await desk.owed() == []
        assert (await stored(db, order.hash)).weigh_at is None, "its price falls no further"


async def test_one_that_cannot_be_read_any_more_stands_in_no_others_way(db: Database) -> None:
    async with falling(db) as (desk, order):
        desk.stall.advance(7 * HOUR)
        async with db.session() as session:
            await session.execute(update(ListingRow).where(ListingRow.hash == order.hash).values(body="{}"))
        await desk.turn()
        assert (await stored(db, order.hash)).weigh_at is None
        assert await desk.owed() == []


async def test_the_prediction_on_record_is_the_newest(db: Database) -> None:
    async with falling(db) as (desk, order):
        desk.stall.advance(7 * HOUR)
        await desk.turn()
        async with db.reading() as session:
            net = await session.scalar(
                select(PredictionRow.net_usd).where(PredictionRow.listing_hash == order.hash)
            )
            there = await session.scalar(text("SELECT count(*) FROM predictions WHERE net_usd >= 10"))
        assert net is not None
        assert net >= 10
        assert there == 1


async def stored(db: Database, hash_: str) -> ListingRow:
    async with db.reading() as session:
        return await session.get_one(ListingRow, hash_)
