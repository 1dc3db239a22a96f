from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bot.db import Database
from bot.db.tables import OutcomeRow
from bot.services import dispatch
from bot.services.alerts import Alert
from bot.services.dispatch import nonce
from bot.services.guilds import Guilds
from bot.services.journal import Entry, Journal, JournalCounts
from bot.services.mutes import Mutes
from bot.services.outbox import Outbox
from bot.services.watches import Watch, Watches
from pipeline.clock import ManualClock
from pipeline.market.values import OrderStatus, Resolution, Token
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import NOON, make_forecast, make_listing, make_prediction
from tests.bot.plans import statements
from tests.bot.stored import stored
from tests.databases import Databases

GUILD, ACTOR = 2**62, 7


@pytest.fixture
def journal(db: Database, clock: ManualClock) -> Journal:
    return Journal(db, clock)


@pytest.fixture
def watches(db: Database, clock: ManualClock) -> Watches:
    return Watches(db, clock)


@pytest.fixture
def outbox(db: Database, clock: ManualClock) -> Outbox:
    return Outbox(db, clock)


async def add(watches: Watches, name: str = "all", guild: int = GUILD) -> Watch:
    return await watches.add(guild, 1, name, Thresholds(), Filters(), ACTOR)


def signal(*watches: Watch, listing: Any = None, **prediction: Any) -> Entry:
    listing = listing or make_listing()
    return Entry(listing, make_prediction(listing, **prediction), watches)


async def pending(outbox: Outbox) -> list[Alert]:
    return [alert for post in await outbox.due(1000) for alert in post.alerts]


async def test_a_listing_its_prediction_and_its_alerts_are_stored_exactly(
    db: Database, journal: Journal, watches: Watches, outbox: Outbox
) -> None:
    one, two = await add(watches, "one"), await add(watches, "two")
    listing = make_listing(
        token=Token.WETH,
        base=10**30 + 1,
        ended=10**29 + 3,
        ended_at=NOON + timedelta(days=1),
        seen_at=NOON + timedelta(microseconds=123_457),
    )
    entry = signal(one, two, listing=listing, net_usd=0.1 + 0.2)
    assert await journal.record([entry]) == 2
    [row] = await stored(db)
    assert (row.listing, row.prediction) == (entry.listing, entry.prediction)
    assert (row.signalled, row.status) == (True, OrderStatus.OPEN)
    alerts = await pending(outbox)
    assert [(alert.watch_name, alert.channel_id, alert.guild_id) for alert in alerts] == [
        ("one", 1, GUILD),
        ("two", 1, GUILD),
    ]
    assert all((alert.listing, alert.prediction) == (listing, entry.prediction) for alert in alerts)


async def test_recording_again_creates_nothing_new(journal: Journal, watches: Watches) -> None:
    entries = [signal(await add(watches)), Entry(make_listing(), None)]
    assert await journal.record(entries) == 1
    counts = await journal.counts()
    assert await journal.record(entries) == 0
    assert await journal.record([*entries, *entries]) == 0
    assert await journal.counts() == counts == JournalCounts(2, 1, 1, 0, 0)


async def test_a_listing_that_is_known_stays_as_it_was_first_written(
    db: Database, journal: Journal, watches: Watches
) -> None:
    listing = make_listing()
    await journal.record([Entry(listing, None)])
    assert await journal.record([signal(await add(watches), listing=listing)]) == 0
    [row] = await stored(db)
    assert (row.prediction, row.signalled) == (None, False)


async def test_a_watch_removed_while_the_listing_was_scored_costs_nothing_else(
    journal: Journal, watches: Watches
) -> None:
    gone, kept = await add(watches, "gone"), await add(watches, "kept")
    await watches.remove(GUILD, "gone", ACTOR)
    assert await journal.record([signal(gone, kept), signal(gone)]) == 1
    assert await journal.counts() == JournalCounts(2, 2, 1, 0, 0)


async def test_a_failure_halfway_stores_nothing_and_a_repeat_stores_all(
    journal: Journal, watches: Watches, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [signal(await add(watches)) for _ in range(1)]
    with monkeypatch.context() as patched:
        patched.setattr(dispatch, "nonce", lambda *_: None)  # the last statement breaks a constraint
        with pytest.raises(IntegrityError):
            await journal.record([*entries, signal(entries[0].watches[0])])
    assert await journal.counts() == JournalCounts(0, 0, 0, 0, 0)
    assert await journal.record(entries) == 1


@pytest.mark.parametrize("figure", ["net_usd", "probability", "ask_usd"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_prediction_that_is_no_number_is_set_aside_and_its_listing_kept(
    journal: Journal, watches: Watches, figure: str, value: float
) -> None:
    watch = await add(watches)
    assert await journal.record([signal(watch, **{figure: value}), signal(watch)]) == 1
    assert await journal.counts() == JournalCounts(2, 1, 1, 0, 0)


async def test_nonces_are_stable_distinct_and_short_enough_for_discord() -> None:
    assert nonce(1, "0xab") == nonce(1, "0xab")
    assert len({nonce(watch, hash_) for watch in range(50) for hash_ in ("0xab", "0xac", "0")}) == 150
    assert len(nonce(2**63, "0x" + "f" * 64)) <= 25


@settings(max_examples=15, deadline=None)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["", "a", "b", "ab"])), max_size=6)
    ),
)
def test_any_sequence_of_repeated_and_partial_batches_leaves_each_listing_as_first_seen(
    databases: Databases, batches: list[list[tuple[int, str]]]
) -> None:
    async def replay(url: str) -> None:
        async with Database.open(url) as db:
            clock = ManualClock(NOON)
            watches = Watches(db, clock)
            by_name = {name: await add(watches, name) for name in "ab"}
            listings = [make_listing() for _ in range(6)]
            journal, first, new = Journal(db, clock), dict[int, str](), 0
            for batch in batches:
                for number, names in batch:
                    first.setdefault(number, names)
                new += await journal.record(
                    [signal(*(by_name[n] for n in names), listing=listings[i]) for i, names in batch]
                )
            alerts = await pending(Outbox(db, clock))
            found = sorted((alert.listing.hash, alert.watch_name) for alert in alerts)
            assert found == sorted((listings[i].hash, name) for i, names in first.items() for name in names)
            assert new == len(found) == len({alert.id for alert in alerts})
            assert set(await journal.known_hashes()) == {listings[i].hash for i in first}

    with databases.fresh() as url:
        asyncio.run(replay(url))


async def test_known_hashes_are_the_newest(journal: Journal) -> None:
    listings = [make_listing(seen_at=NOON + timedelta(seconds=second)) for second in (2, 0, 3, 1)]
    await journal.record([Entry(listing, None) for listing in listings])
    assert await journal.known_hashes(2) == [listings[2].hash, listings[0].hash]


async def test_a_final_status_becomes_the_outcome_for_good_and_expires_what_is_pending(
    db: Database, journal: Journal, watches: Watches, outbox: Outbox
) -> None:
    entry = signal(await add(watches))
    await journal.record([entry])
    later = NOON + timedelta(hours=1)
    hash_ = entry.listing.hash
    await journal.resolve([Resolution(hash_, OrderStatus.OPEN, NOON)])
    assert len(await outbox.due()) == 1
    await journal.resolve([Resolution(hash_, OrderStatus.MATCHED, later)])
    await journal.resolve(
        [Resolution(hash_, OrderStatus.CANCELLED, later), Resolution(hash_, OrderStatus.OPEN, later)]
    )
    [row] = await stored(db)
    assert row.status is OrderStatus.MATCHED
    async with db.reading() as session:
        [outcome] = await session.scalars(select(OutcomeRow))
        assert (outcome.listing_hash, outcome.status, outcome.at) == (hash_, "Matched", later)
    assert await outbox.due() == []
    assert (await outbox.counts()).expired == 1


async def test_a_resolution_of_an_unknown_order_is_passed_over(db: Database, journal: Journal) -> None:
    await journal.resolve([Resolution("0xunknown", OrderStatus.MATCHED, NOON)])
    assert await stored(db) == []


async def test_open_orders_are_asked_for_in_turn_even_if_the_market_knows_nothing_of_one(
    journal: Journal, clock: ManualClock
) -> None:
    listings = [make_listing(seen_at=NOON + timedelta(seconds=second)) for second in range(3)]
    sold = make_listing(status=OrderStatus.MATCHED)
    await journal.record([Entry(listing, None) for listing in (*listings, sold)])
    hashes = [listing.hash for listing in listings]
    assert await journal.unresolved(3) == []
    clock.advance(303)
    assert await journal.unresolved(2) == hashes[:2]
    assert await journal.unresolved(2) == hashes[2:]
    await journal.resolve([Resolution(hashes[2], OrderStatus.EXPIRED, clock.now())])
    assert await journal.unresolved(2) == []
    clock.advance(300)
    assert await journal.unresolved(3) == hashes[:2]


async def test_what_somebody_was_told_of_is_asked_for_first_and_more_often(
    journal: Journal, watches: Watches, clock: ManualClock
) -> None:
    other = Entry(make_listing(), None)
    alerted = signal(await add(watches))
    await journal.record([other, alerted])
    clock.advance(30)
    assert await journal.unresolved(5) == [alerted.listing.hash]
    asked = {alerted.listing.hash: 0, other.listing.hash: 0}
    for _ in range(120):
        clock.advance(30)
        for hash_ in await journal.unresolved(1):
            asked[hash_] += 1
    assert asked[alerted.listing.hash] > 60
    assert 3 <= asked[other.listing.hash] <= 12


async def test_a_forgotten_server_takes_its_alerts_with_it_and_leaves_the_listings(
    db: Database, clock: ManualClock, journal: Journal, watches: Watches, outbox: Outbox
) -> None:
    await journal.record([signal(await add(watches), await add(watches, guild=GUILD + 1))])
    await Guilds(db, clock, watches, Mutes(db)).forget(GUILD, ACTOR)
    assert [alert.guild_id for alert in await pending(outbox)] == [GUILD + 1]
    assert (await journal.counts()).listings == 1


async def test_a_forecast_of_another_model_keeps_its_version(db: Database, journal: Journal) -> None:
    listing = make_listing()
    forecast = make_forecast(model_version="v2", axie_id=listing.axie.id)
    await journal.record([Entry(listing, make_prediction(listing, forecast=forecast))])
    [row] = await stored(db)
    assert row.prediction is not None
    assert row.prediction.forecast.model_version == "v2"


async def test_a_record_cancelled_at_any_point_is_whole_or_absent_and_blocks_nobody(
    journal: Journal, watches: Watches, outbox: Outbox
) -> None:
    watch = await add(watches)
    kept: list[object] = []  # as a logger or a supervisor may: with an error goes all that it was raised over
    for steps in range(90):
        task = asyncio.create_task(journal.record([signal(watch)]))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        kept += await asyncio.gather(task, return_exceptions=True)
        assert await asyncio.wait_for(journal.record([signal(watch)]), 5) == 1
    assert sum(isinstance(result, asyncio.CancelledError) for result in kept) > 5
    counts = await journal.counts()
    assert counts.listings == counts.predictions == counts.alerts_pending == len(await pending(outbox))


async def test_the_large_tables_are_counted_once_and_then_by_what_is_recorded(
    db: Database, journal: Journal, watches: Watches, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.record([signal(await add(watches))])
    assert await journal.counts() == JournalCounts(1, 1, 1, 0, 0)
    unpriced = Entry(make_listing(hash="0xsecond"), None)
    await journal.record([unpriced, signal(listing=make_listing(hash="0xthird"))])
    await journal.record([unpriced])  # known already
    with statements(db) as sent:
        assert await journal.counts() == JournalCounts(3, 2, 1, 0, 0)
    assert not [statement for statement, _ in sent if "listings" in statement or "predictions" in statement]
    # What others have stored or deleted is seen at the next count.
    await Journal(db, journal._clock).record([signal(listing=make_listing(hash="0xfourth"))])
    monkeypatch.setattr("bot.services.journal.RECOUNT_S", -1.0)
    assert await journal.counts() == JournalCounts(4, 3, 1, 0, 0)
