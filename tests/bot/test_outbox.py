from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from bot.db import Database
from bot.services.alerts import Post
from bot.services.journal import Entry, Journal
from bot.services.outbox import Outbox, OutboxCounts
from bot.services.watches import Watches
from pipeline.clock import ManualClock
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import NOON, make_listing, make_prediction
from tests.databases import Databases

GUILD, CHANNEL, ACTOR = 1, 2, 3


class Alerts:
    """An outbox with a wristwatch that is set by hand, and a way to put alerts into it."""

    def __init__(self, db: Database) -> None:
        self.clock = ManualClock(NOON)
        self.at = datetime.now(UTC)
        self.outbox = Outbox(db, self.clock, now=lambda: self.at)
        self.journal = Journal(db, self.clock)
        self.watches = Watches(db, self.clock)

    async def put(self, count: int = 1, guild: int = GUILD) -> None:
        if not await self.watches.list(guild):
            await self.watches.add(guild, CHANNEL, "all", Thresholds(), Filters(), ACTOR)
        [watch] = await self.watches.list(guild)
        for _ in range(count):  # each is a post of its own
            listing = make_listing()
            await self.journal.record([Entry(listing, make_prediction(listing), (watch,))])
        self.at = max(self.at, datetime.now(UTC))

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def ids(post: Post) -> list[int]:
    return [alert.id for alert in post.alerts]


@pytest.fixture
def alerts(db: Database) -> Alerts:
    return Alerts(db)


@pytest.fixture
def outbox(alerts: Alerts) -> Outbox:
    return alerts.outbox


async def test_alerts_are_handed_out_oldest_first_until_they_are_settled(
    alerts: Alerts, outbox: Outbox
) -> None:
    await alerts.put(3)
    await alerts.put(2)
    due = await outbox.due()
    assert [alert.id for alert in due] == sorted(alert.id for alert in due)
    assert len(due) == 5
    assert await outbox.due() == due
    assert await outbox.due(2) == due[:2]
    await outbox.delivered(due[0].id, ids(due[0]), 77)
    await outbox.undeliverable(ids(due[1]), "the channel is gone")
    await outbox.expire(ids(due[2]), "sold")
    assert await outbox.due() == due[3:]
    assert await outbox.counts() == OutboxCounts(pending=2, delivered=1, undeliverable=1, expired=1)


async def test_where_not_all_are_looked_at_each_server_has_its_first_before_any_has_its_second(
    alerts: Alerts, outbox: Outbox
) -> None:
    for channel in range(20):
        await alerts.watches.add(GUILD, channel, str(channel), Thresholds(), Filters(), ACTOR)
    for guild in (7, 8, 9):
        await alerts.watches.add(guild, 100 + guild, "all", Thresholds(), Filters(), ACTOR)
    for rank in range(2):  # every listing has an order of its own, and none is a moment's chance
        listing = make_listing()
        watches = await alerts.watches.active()
        await alerts.journal.record([Entry(listing, make_prediction(listing), watches)])
        alerts.at = max(alerts.at, datetime.now(UTC))
        owed = await outbox.owed(23 * rank + 4)
        assert {each.guild_id for each in owed[-4:]} == {GUILD, 7, 8, 9}


async def test_a_retry_comes_due_after_its_delay_under_the_same_nonce(alerts: Alerts, outbox: Outbox) -> None:
    await alerts.put()
    [first] = await outbox.due()
    assert 0 < len(first.nonce) <= 25
    await outbox.retry(ids(first), "Discord answered 503", 30.0)
    alerts.later(29.9)
    assert await outbox.due() == []
    alerts.later(0.2)
    [again] = await outbox.due()
    assert (again.id, again.nonce, again.attempts) == (first.id, first.nonce, 1)
    assert again.queued_at == first.queued_at


async def test_a_delivery_before_a_crash_is_repeated_under_the_same_nonce(
    database_url: str, alerts: Alerts, outbox: Outbox
) -> None:
    await alerts.put()
    [before] = await outbox.due()
    async with Database.open(database_url) as reopened:
        [after] = await Outbox(reopened, alerts.clock).due()
    assert after == before


async def test_delivery_is_the_last_word(alerts: Alerts, outbox: Outbox) -> None:
    await alerts.put()
    [alert] = await outbox.due()
    await outbox.expire(ids(alert), "sold while the message was on its way")
    await outbox.delivered(alert.id, ids(alert), 77)
    await outbox.expire(ids(alert), "sold")
    await outbox.undeliverable(ids(alert), "no access")
    await outbox.retry(ids(alert), "again", 0)
    assert await outbox.due() == []
    assert await outbox.counts() == OutboxCounts(delivered=1)


async def test_an_alert_that_cannot_be_read_does_not_block_the_others(
    db: Database, alerts: Alerts, outbox: Outbox
) -> None:
    await alerts.put(2)
    broken, sound = await outbox.due()
    async with db.session() as session:
        body = text("UPDATE listings SET body = '{}' WHERE hash = :hash")
        await session.execute(body, {"hash": broken.alerts[0].listing.hash})
    assert await outbox.due() == [sound]
    [problem] = await outbox.problems(GUILD)
    assert [problem.alert_id] == ids(broken)
    assert "cannot be read" in problem.reason


async def test_problems_are_told_to_the_server_that_has_them(alerts: Alerts, outbox: Outbox) -> None:
    await alerts.put(3)
    await alerts.put(1, guild=GUILD + 1)
    one, two, fine, other = await outbox.due()
    await outbox.undeliverable(ids(one), "no access to the channel")
    await outbox.retry(ids(two), "Discord answered 500", 60)
    await outbox.delivered(fine.id, ids(fine), 1)
    await outbox.undeliverable(ids(other), "elsewhere")
    assert [(problem.alert_id, problem.reason) for problem in await outbox.problems(GUILD)] == [
        (ids(two)[0], "Discord answered 500"),
        (ids(one)[0], "no access to the channel"),
    ]
    assert len(await outbox.problems(GUILD, limit=1)) == 1
    [problem] = await outbox.problems(GUILD + 1)
    assert (problem.axie_id, problem.channel_id, problem.watch_name) == (
        other.alerts[0].listing.axie.id,
        CHANNEL,
        "all",
    )
    assert await outbox.counts(GUILD + 1) == OutboxCounts(undeliverable=1)


async def test_a_removed_watch_lets_its_pending_alerts_expire(alerts: Alerts, outbox: Outbox) -> None:
    await alerts.put(2)
    sent, _ = await outbox.due()
    await outbox.delivered(sent.id, ids(sent), 1)
    await alerts.watches.remove(GUILD, "all", ACTOR)
    assert await outbox.counts(GUILD) == OutboxCounts(delivered=1, expired=1)


async def test_waiting_ends_at_once_where_something_is_due(alerts: Alerts, outbox: Outbox) -> None:
    await alerts.put()
    await asyncio.wait_for(outbox.wait(), 5)


async def test_waiting_ends_when_an_alert_is_recorded(db: Database, alerts: Alerts, outbox: Outbox) -> None:
    async with waiting(db, outbox) as wait:
        await alerts.put()
        assert not wait.done()
        outbox.wake()
        await asyncio.wait_for(wait, 5)


async def test_an_alert_recorded_just_before_the_wait_is_not_missed(alerts: Alerts, outbox: Outbox) -> None:
    outbox.wake()
    wait = asyncio.create_task(outbox.wait())
    await alerts.put()
    outbox.wake()
    await asyncio.wait_for(wait, 5)


async def test_a_wake_with_nothing_due_does_not_end_the_wait(
    db: Database, alerts: Alerts, outbox: Outbox
) -> None:
    await alerts.put()
    [alert] = await outbox.due()
    await outbox.retry(ids(alert), "later", 3600)
    async with waiting(db, outbox) as wait:
        with looks(db) as more:
            outbox.wake()
            for _ in range(10):
                await db.ping()
        assert not wait.done()
        assert len(more) == 1  # woken once, it looked once


async def test_waiting_ends_when_a_retry_comes_due(db: Database) -> None:
    real = Alerts(db)
    real.outbox = Outbox(db, real.clock)
    await real.put()
    [alert] = await real.outbox.due()
    began = asyncio.get_running_loop().time()
    await real.outbox.retry(ids(alert), "in a moment", 0.15)
    await asyncio.wait_for(real.outbox.wait(), 5)
    assert asyncio.get_running_loop().time() - began >= 0.14
    assert [each.id for each in await real.outbox.due()] == [alert.id]


async def test_waiting_does_not_ask_the_database_over_and_over(
    db: Database, alerts: Alerts, outbox: Outbox
) -> None:
    await alerts.put()
    [alert] = await outbox.due()
    await outbox.retry(ids(alert), "later", 3600)
    async with waiting(db, outbox) as wait:
        with looks(db) as more:
            for _ in range(2000):
                await asyncio.sleep(0)
            await db.ping()
        assert not wait.done()
        assert not more


@settings(max_examples=15, deadline=None)
@given(
    moves=st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from(["delivered", "retry", "undeliverable", "expire", "later"])
        ),
        max_size=25,
    )
)
def test_only_pending_alerts_that_are_due_are_ever_handed_out(
    databases: Databases, moves: list[tuple[int, str]]
) -> None:
    async def play(url: str) -> None:
        async with Database.open(url) as db:
            alerts = Alerts(db)
            await alerts.put(4)
            members = {post.id: ids(post) for post in await alerts.outbox.due()}
            state, due_at = dict.fromkeys(members, "pending"), dict.fromkeys(members, alerts.at)
            for number, move in moves:
                id_ = list(members)[number]
                match move:
                    case "later":
                        alerts.later(7)
                    case "delivered":
                        await alerts.outbox.delivered(id_, members[id_], 1)
                        state[id_] = "delivered"
                    case "retry":
                        await alerts.outbox.retry(members[id_], "again", 10)
                        due_at[id_] = alerts.at + timedelta(seconds=10)
                    case "undeliverable" | "expire":
                        await getattr(alerts.outbox, move)(members[id_], "reason")
                        if state[id_] == "pending":
                            state[id_] = move
                due = [post.id for post in await alerts.outbox.due()]
                assert sorted(due) == [i for i in members if state[i] == "pending" and due_at[i] <= alerts.at]

    with databases.fresh() as url:
        asyncio.run(play(url))


@asynccontextmanager
async def waiting(db: Database, outbox: Outbox) -> AsyncIterator[asyncio.Task[None]]:
    """A wait that has looked once and found nothing due."""
    with looks(db) as seen:
        wait = asyncio.create_task(outbox.wait())
        while not seen:
            await db.ping()
    await db.ping()
    assert not wait.done()
    try:
        yield wait
    finally:
        wait.cancel()


@contextmanager
def looks(db: Database) -> Iterator[list[str]]:
    """The looks for the next due alert that were answered meanwhile."""
    seen: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        if "min(alerts.next_attempt_at)" in statement:
            seen.append(statement)

    event.listen(db.engine.sync_engine, "after_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine.sync_engine, "after_cursor_execute", note)


async def test_a_clock_that_is_set_back_makes_nobody_wait_for_it(alerts: Alerts, outbox: Outbox) -> None:
    await alerts.put()
    [post] = await outbox.due()
    await outbox.retry(ids(post), "busy", 5)
    alerts.later(-3_600)
    assert await outbox.due() == []
    async with asyncio.timeout(5):
        await outbox.wait()
    assert [each.id for each in await outbox.due()] == [post.id]


async def test_a_clock_that_is_set_back_while_it_waits_is_noticed_at_the_next_look(
    alerts: Alerts, outbox: Outbox
) -> None:
    await alerts.put()
    [post] = await outbox.due()
    await outbox.retry(ids(post), "busy", 600)
    waiting = asyncio.create_task(outbox.wait())
    while outbox._waiting._ahead is None:
        await asyncio.sleep(0)
    alerts.later(-3_600)
    outbox.wake()
    async with asyncio.timeout(5):
        await waiting
