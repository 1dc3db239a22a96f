"""No question that a person asks makes the database read a whole table, however much is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from bot.db import Database
from bot.services.announcements import Announcements
from bot.services.auctions import Auctions
from bot.services.audit import Audit
from bot.services.conditions import Conditions
from bot.services.digests import Digests
from bot.services.guilds import Guilds
from bot.services.history import History, Wanted
from bot.services.journal import Entry, Journal
from bot.services.ledger import Ledger
from bot.services.mutes import Mutes
from bot.services.outbox import Outbox
from bot.services.pacing import Delivery
from bot.services.posts import Posts
from bot.services.preview import Previews
from bot.services.runs import Runs
from bot.services.trends import Trends
from bot.services.watches import Watch, Watches
from pipeline.clock import ManualClock
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import NOON, make_listing, make_prediction
from tests.bot.plans import plan, scans, sorts, statements

GUILD = 2**62
ALL = Wanted(GUILD, days=30)
NARROWED: dict[str, dict[str, Any]] = {
    "all": {},
    "signals": {"signals": True},
    "of a watch": {"watch_id": 1},
    "of a class": {"class_": AxieClass.BUG},
    "of a collection": {"collection": Collection.SUMMER},
    "with profit": {"min_net_usd": 5.0},
    "sold": {"sold": True},
    "signals of a class that sold with profit": {
        "signals": True,
        "class_": AxieClass.BUG,
        "min_net_usd": 5.0,
        "sold": True,
    },
}
FEW = {
    "alerts of a watch with a cap",
    "an axie's predictions",
    "an axie's sales",
    "what is wrong",
    "posts that are due",
    "a post with its alerts",
}  # rows to put in order; there is no index for it
# SQLite's indexes end with the number of the row.
FEW_ON_POSTGRESQL = FEW | {"announcements that are due", "announcements that failed"}
# Read from the newest on along the primary key, as far as the limit: a scan by name, of a few rows.
NEWEST = {
    "the last trainings",
    "trainings whose messages wait for their end",
    "what a training usually takes",
}
Ask = Callable[[Database, ManualClock], Awaitable[object]]


def _digests(db: Database, clock: ManualClock) -> Digests:
    return Digests(
        db, Guilds(db, clock, Watches(db, clock), Mutes(db)), Ledger(db, clock), Announcements(db), clock
    )


def _pages() -> dict[str, Ask]:
    found: dict[str, Ask] = {}
    for name, over in NARROWED.items():
        wanted = msgspec.structs.replace(ALL, **over)
        cursor = "5f" if wanted.signals or wanted.watch_id else f"{int(NOON.timestamp() * 1e6):x}.0xab"

        def page(db: Database, clock: ManualClock, wanted: Wanted = wanted) -> Awaitable[object]:
            return History(db, clock).page(wanted)

        def older(
            db: Database, clock: ManualClock, wanted: Wanted = wanted, at: str = cursor
        ) -> Awaitable[object]:
            return History(db, clock).page(wanted, 10, at)

        def newer(
            db: Database, clock: ManualClock, wanted: Wanted = wanted, at: str = cursor
        ) -> Awaitable[object]:
            return History(db, clock).page(wanted, 10, at, newer=True)

        def table(db: Database, clock: ManualClock, wanted: Wanted = wanted) -> Awaitable[object]:
            return History(db, clock).table(wanted)

        found |= {
            f"predictions: {name}": page,
            f"older predictions: {name}": older,
            f"newer predictions: {name}": newer,
            f"a table of predictions: {name}": table,
        }
    return found


ASKED: dict[str, Ask] = {
    **_pages(),
    "one prediction": lambda db, clock: History(db, clock).one(GUILD, "0xab"),
    "an axie's predictions": lambda db, clock: History(db, clock).of_axie(GUILD, 123),
    "the newest axies": lambda db, clock: History(db, clock).numbers(""),
    "axies whose number begins so": lambda db, clock: History(db, clock).numbers("118"),
    "the last floors": lambda db, _: Trends(db).floors(),
    "a floor over time": lambda db, _: Trends(db).floor_history("all", NOON),
    "what is traded": lambda db, _: Trends(db).traded(NOON, NOON, 24),
    "what is traded of each class": lambda db, _: Trends(db).by_class(NOON),
    "what is traded of each collection": lambda db, _: Trends(db).by_collection(NOON),
    "how far a model was off": lambda db, _: Trends(db).checked("v1", NOON),
    "what is wrong": lambda db, _: Conditions(db, Announcements(db)).open(),
    "announcements that are due": lambda db, _: Announcements(db).due(),
    "announcements that failed": lambda db, _: Announcements(db).failed(GUILD),
    "a server's digests": lambda db, clock: _digests(db, clock).of_guild(GUILD),
    "digests that are due": lambda db, clock: _digests(db, clock).turn(),
    "an axie's sales": lambda db, _: Trends(db).of_axie(123),
    "posts that are due": lambda db, clock: Outbox(db, clock).due(),
    "posts to be edited": lambda db, _: Posts(db).to_edit(),
    "a post with its alerts": lambda db, _: Posts(db).get(5),
    "listings to be asked for": lambda db, clock: Journal(db, clock).unresolved(50),
    "auctions that are due": lambda db, clock: _auctions(db, clock).due(),
    "sales of what was sold": lambda db, clock: Ledger(db, clock).reconcile(),
    "a server's ledger": lambda db, clock: Ledger(db, clock).rows(GUILD, since=NOON),
    "a watch's ledger": lambda db, clock: Ledger(db, clock).rows(GUILD, watch_id=3),
    "what thresholds would have brought": lambda db, clock: _preview(db, clock, Filters()),
    "what filters would have brought": lambda db, clock: _preview(
        db, clock, Filters(classes=(AxieClass.BUG,), collections=(Collection.SUMMER,))
    ),
    "a server's settings": lambda db, clock: Guilds(db, clock, Watches(db, clock), Mutes(db)).get(GUILD),
    "a server's watches": lambda db, clock: Watches(db, clock).list(GUILD),
    "a server's changes": lambda db, _: Audit(db).recent(GUILD, before=9),
    "one change by its number": lambda db, _: Audit(db).entry(GUILD, 9),
    "the last trainings": lambda db, _: Runs(db).latest(5),
    "trainings whose messages wait for their end": lambda db, _: Runs(db).followed(),
    "what a training usually takes": lambda db, _: Runs(db).usual_s(),
    "trainings that were interrupted": lambda db, _: Runs(db).interrupted(),
    "alerts to be owed again": lambda db, clock: Outbox(db, clock).revive(3, 4),
    "alerts of a watch with a cap": lambda db, clock: _capped(db, clock),
    "a page that follows and may be followed": lambda db, clock: Journal(db, clock).record(_page()),
}


def _auctions(db: Database, clock: ManualClock) -> Auctions:
    unused: Any = None
    return Auctions(db, *[unused] * 6, clock)


def _page(*watches: Watch) -> list[Entry]:
    listings = [make_listing() for _ in range(3)]
    return [Entry(listing, make_prediction(listing), watches) for listing in listings]


async def _capped(db: Database, clock: ManualClock) -> object:
    wanted = (Thresholds(), Filters(), 5, Delivery(cap=1))
    watch = await Watches(db, clock).add(GUILD, 4, "capped", *wanted)
    return await Journal(db, clock).record(_page(watch))


async def _preview(db: Database, clock: ManualClock, filters: Filters) -> object:
    listing = make_listing()  # where there is nothing at all, there is nothing to ask
    await Journal(db, clock).record([Entry(listing, make_prediction(listing))])
    with_any = await Previews(db, clock).of(Thresholds(), filters)
    assert with_any is not None
    return with_any


@pytest.mark.parametrize("asked", ASKED)
async def test_no_question_reads_a_whole_table(db: Database, clock: ManualClock, asked: str) -> None:
    with statements(db) as sent:
        await ASKED[asked](db, clock)
    assert sent
    few = asked in (FEW if db.engine.dialect.name == "sqlite" else FEW_ON_POSTGRESQL)
    for statement, values in sent:
        steps = await plan(db, statement, values, sorting=few)
        assert scans(steps) == [] or (asked in NEWEST and "LIMIT" in statement), statement
        assert few or sorts(steps) == [], statement


async def test_a_question_that_reads_a_whole_table_is_noticed(db: Database) -> None:
    steps = await plan(db, "SELECT body FROM predictions WHERE resale_usd > 5 ORDER BY ask_usd", ())
    assert scans(steps)
    assert sorts(steps)
