"""What people ask for is read once after the start, by the very questions, and bounded in time."""

from __future__ import annotations

import pytest

from bot.db import Database
from bot.services import warming
from bot.services.history import History
from bot.services.journal import Entry, Journal
from bot.services.ledger import Ledger
from bot.services.trends import Trends
from bot.services.warming import Warming
from bot.services.watches import Watches
from bot.supervisor import LONGEST_S
from pipeline.clock import ManualClock
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import make_listing, make_prediction
from tests.bot.plans import plan, scans, statements


async def furnished(db: Database, clock: ManualClock, guilds: int = 3) -> Warming:
    watches = Watches(db, clock)
    for guild in range(guilds):
        watch = await watches.add(guild, 4, "all", Thresholds(), Filters(), 5)
        listing = make_listing()
        await Journal(db, clock).record([Entry(listing, make_prediction(listing), (watch,))])
    return Warming(History(db, clock), Ledger(db, clock), Trends(db), watches, clock)


async def test_each_servers_questions_are_asked_once_and_none_reads_a_whole_table(
    db: Database, clock: ManualClock
) -> None:
    warm = await furnished(db, clock)
    with statements(db) as sent:
        assert await warm.turn() == LONGEST_S
    asked = [statement for statement, _ in sent]
    assert sum("FROM alerts" in statement and "paper" not in statement for statement in asked) >= 3
    for statement, values in sent:
        if "FROM watches" not in statement:  # all of which are kept in memory
            assert scans(await plan(db, statement, values)) == [], statement


async def test_it_ends_in_time_however_many_there_are(
    db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = await furnished(db, clock)
    monkeypatch.setattr(warming, "AT_MOST_S", -1.0)
    with statements(db) as sent:
        await warm.turn()
    assert len([statement for statement, _ in sent if "SELECT" in statement]) == 1
