"""The main job with the real client, watcher, database and rule; only the price model is a simple one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import delete, select

from bot.db import Database
from bot.db.tables import ListingRow, PartRow
from bot.errors import NoChampion
from bot.services.alerts import Alert
from bot.services.intake import Intake
from bot.services.journal import Journal
from bot.services.ledger import Ledger
from bot.services.mutes import Kind, Mutes
from bot.services.outbox import Outbox
from bot.services.outcomes import Outcomes
from bot.services.parts import Parts
from bot.services.posts import Posts
from bot.services.predictor import Predictor
from bot.services.stats import IntakeStats
from bot.services.watches import Watches
from bot.services.weighing import Weighing
from bot.waiting import machine_time
from pipeline.market.values import AxieClass, Listing, OrderStatus
from pipeline.market.watcher import Watcher
from pipeline.market.watching import WatcherSettings
from pipeline.signal import Filters, Prediction, Thresholds
from tests.bot.factories import make_prediction
from tests.bot.market import Stall, opened
from tests.bot.stored import stored

GUILD, CHANNEL, ACTOR = 1, 2, 3
ANY = Filters()


class EverythingPays:
    """A price model to which every listing is a bargain; it may be taken away."""

    gone = False
    waits_for_rates = False
    spoiled: frozenset[str] = frozenset()

    def explained(self, listing: Listing, prediction: Prediction) -> Prediction:
        return prediction

    def predict_page(self, listings: Sequence[Listing]) -> list[Prediction | None]:
        if self.gone:
            raise NoChampion("no model")
        if self.spoiled.intersection(listing.hash for listing in listings):
            raise ZeroDivisionError
        return [make_prediction(listing) for listing in listings]


async def pending(outbox: Outbox) -> list[Alert]:
    return [alert for post in await outbox.due(1000) for alert in post.alerts]


class Desk:
    """The intake with all that it works on."""

    def __init__(self, stall: Stall, db: Database) -> None:
        self.watches = Watches(db, stall.clock)
        self.journal = Journal(db, stall.clock)
        self.outbox = Outbox(db, stall.clock)
        self.posts = Posts(db)
        self.parts = Parts(db)
        self.mutes = Mutes(db)
        self.ledger = Ledger(db, stall.clock)
        self.stats = IntakeStats()
        self.model = EverythingPays()
        self.intake = Intake(
            Watcher(stall.client, stall.clock, settings=WatcherSettings()),
            Weighing(cast(Predictor, self.model), self.watches, self.mutes, self.stats, stall.clock),
            self.journal,
            self.outbox,
            self.posts,
            self.parts,
            self.stats,
        )

    async def watch(self, name: str, filters: Filters = ANY) -> None:
        await self.watches.add(GUILD, CHANNEL, name, Thresholds(), filters, ACTOR)


async def test_a_new_listing_is_recorded_once_and_owed_to_every_watch_that_it_fits(db: Database) -> None:
    async with opened() as stall:
        desk = Desk(stall, db)
        await desk.intake.turn()
        await desk.watch("all")
        await desk.watch("plants", Filters(classes=(AxieClass.PLANT,)))
        for class_ in ("Plant", "Beast"):
            stall.world.inject({"axie": {"class": class_}, "askMultiple": 0.5})
        stall.advance(60)
        await desk.intake.turn()
        await desk.intake.turn()
        due = await pending(desk.outbox)
        fits = {(alert.watch_name, alert.listing.axie.class_) for alert in due}
        assert {("all", AxieClass.PLANT), ("all", AxieClass.BEAST), ("plants", AxieClass.PLANT)} <= fits
        assert ("plants", AxieClass.BEAST) not in fits
        assert len({(alert.watch_name, alert.listing.hash) for alert in due}) == len(due)
        counts = await desk.journal.counts()
        assert counts.listings == desk.stats.listings == desk.stats.scored


async def test_what_could_not_be_stored_is_seen_again_and_stored_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as stall:
        desk = Desk(stall, db)
        await desk.watch("all")
        record, failures = desk.journal.record, iter([OSError("disk full")])

        async def failing(entries: Any) -> int:
            for failure in failures:
                raise failure
            return await record(entries)

        monkeypatch.setattr(desk.journal, "record", failing)
        with pytest.raises(OSError, match="disk full"):
            await desk.intake.turn()
        assert (await desk.journal.counts()).listings == 0
        await desk.intake.turn()
        counts = await desk.journal.counts()
        assert counts.listings > 50
        assert counts.alerts_pending == len(await pending(desk.outbox)) > 0


async def test_without_a_model_listings_are_recorded_unpriced_and_announce_nothing(db: Database) -> None:
    async with opened() as stall:
        desk = Desk(stall, db)
        desk.model.gone = True
        await desk.watch("all")
        await desk.intake.turn()
        counts = await desk.journal.counts()
        assert counts.listings > 50
        assert (counts.predictions, counts.alerts_pending, desk.stats.scored) == (0, 0, 0)


async def test_one_listing_that_cannot_be_priced_holds_up_no_other(db: Database) -> None:
    async with opened() as stall:
        desk = Desk(stall, db)
        await desk.intake.turn()
        await desk.watch("all")
        spoiled, sound = (stall.world.inject({"axie": {"class": "Plant"}}).hash for _ in range(2))
        desk.model.spoiled = frozenset({spoiled})
        stall.advance(60)
        await desk.intake.turn()
        rows = {row.listing.hash: row for row in await stored(db)}
        assert rows[spoiled].prediction is None
        assert rows[sound].signalled
        assert desk.stats.rejected["not priced"] == 1
        before = len(rows)
        await desk.intake.turn()
        assert (await desk.journal.counts()).listings == before


async def test_nothing_is_read_while_only_the_rates_are_missing_and_all_is_priced_afterwards(
    db: Database,
) -> None:
    async with opened() as stall:
        desk = Desk(stall, db)
        await desk.intake.turn()
        await desk.watch("all")
        desk.model.waits_for_rates = True
        bargain = stall.world.inject({"axie": {"class": "Plant"}, "askMultiple": 0.5})
        stall.advance(60)
        assert await desk.intake.turn() > 0
        desk.model.waits_for_rates = False
        await desk.intake.turn()
        assert bargain.hash in {alert.listing.hash for alert in await pending(desk.outbox)}


async def test_what_became_of_a_listing_is_learnt_and_takes_back_its_pending_alert(db: Database) -> None:
    async with opened() as stall:
        desk = Desk(stall, db)
        await desk.intake.turn()
        await desk.watch("all")
        # At a tenth of its worth it is bought within minutes.
        bargain = stall.world.inject({"axie": {"class": "Plant"}, "askMultiple": 0.1})
        stall.advance(5)
        await desk.intake.turn()
        assert bargain.hash in {alert.listing.hash for alert in await pending(desk.outbox)}
        stall.advance(6 * 3600)
        outcomes = Outcomes(stall.client, desk.journal, desk.ledger, desk.posts, stall.clock)
        for _ in range(10):
            await outcomes.turn()
        (row,) = [row for row in await stored(db) if row.listing.hash == bargain.hash]
        assert row.status is OrderStatus.MATCHED
        assert bargain.hash not in {alert.listing.hash for alert in await pending(desk.outbox)}


async def test_the_parts_of_what_was_listed_are_there_to_choose_from_then_and_in_the_next_life(
    db: Database,
) -> None:
    async with opened() as stall:
        desk = Desk(stall, db)
        assert await desk.parts.all() == ()
        await desk.intake.turn()
        listed = {part.id for seen in await listings(db) for part in seen.axie.parts}
        assert set(await desk.parts.all()) == listed
        assert await Parts(db).all() == await desk.parts.all()
        async with db.session() as session:
            await session.execute(delete(PartRow))
        assert set(await Parts(db).all()) == listed, "a database from before is filled from its listings"


async def listings(db: Database) -> list[Listing]:
    async with db.reading() as session:
        bodies = await session.scalars(select(ListingRow.body))
        return [msgspec.json.decode(body, type=Listing) for body in bodies]


async def test_what_a_server_has_muted_is_recorded_and_announced_to_the_others_alone(db: Database) -> None:
    async with opened() as stall:
        desk = Desk(stall, db)
        await desk.intake.turn()
        await desk.watch("all")
        await desk.watches.add(GUILD + 1, CHANNEL, "elsewhere", Thresholds(), ANY, ACTOR)
        bargain = stall.world.inject({"axie": {"class": "Plant"}, "askMultiple": 0.5})
        stall.advance(60)
        (watch, *_) = await desk.watches.list(GUILD)
        until = machine_time() + timedelta(hours=1)
        await desk.mutes.add(GUILD, Kind.WATCH, str(watch.id), "watch", until, ACTOR)
        await desk.intake.turn()
        told = {(alert.watch_name, alert.listing.hash) for alert in await pending(desk.outbox)}
        assert ("elsewhere", bargain.hash) in told
        assert "all" not in {name for name, _ in told}
        assert bargain.hash in {row.listing.hash for row in await stored(db)}


async def test_a_mute_ends_by_itself(db: Database) -> None:
    at = machine_time()
    mutes = Mutes(db, now=lambda: at)
    await mutes.add(GUILD, Kind.SELLER, "0xab", "seller", at + timedelta(hours=1), ACTOR)
    assert len(await mutes.active()) == 1
    at += timedelta(hours=1)
    assert await mutes.active() == ()
    assert await mutes.list(GUILD) == []
