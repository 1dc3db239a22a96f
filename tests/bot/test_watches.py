from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.errors import AxieflipError, Conflict, LimitReached, NotFound
from bot.services.audit import Audit
from bot.services.guilds import Guilds
from bot.services.journal import Entry, Journal
from bot.services.mutes import Mutes
from bot.services.outbox import Outbox
from bot.services.pacing import DAY_MINUTES, Delivery, Quiet
from bot.services.watches import Watch, Watches
from bot.waiting import machine_time
from pipeline.clock import ManualClock
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import make_listing, make_prediction

GUILD, CHANNEL, ACTOR = 2**62, 2**62 + 1, 2**62 + 2
FILTERS = Filters(
    classes=(AxieClass.DUSK,), collections=(Collection.MYSTIC,), parts=("tail-koi",), min_purity=5
)


@pytest.fixture
def watches(db: Database, clock: ManualClock) -> Watches:
    return Watches(db, clock)


@pytest.fixture
def guilds(db: Database, clock: ManualClock, watches: Watches) -> Guilds:
    return Guilds(db, clock, watches, Mutes(db))


async def add(watches: Watches, name: str = "Cheap", guild: int = GUILD) -> Watch:
    return await watches.add(guild, CHANNEL, name, Thresholds(min_net_usd=2.5), FILTERS, ACTOR)


async def set_thresholds(watches: Watches, name: str, actor: int, **given: float) -> Watch:
    def edit(watch: Watch) -> Watch:
        return msgspec.structs.replace(watch, thresholds=msgspec.structs.replace(watch.thresholds, **given))

    return await watches.change(GUILD, name, actor, edit)


async def test_a_watch_is_read_back_as_it_was_made(watches: Watches, clock: ManualClock) -> None:
    made = await add(watches)
    assert made == await watches.get(GUILD, "Cheap")
    assert made.filters == FILTERS
    assert (made.guild_id, made.channel_id, made.created_by) == (GUILD, CHANNEL, ACTOR)
    assert made.created_at == clock.now()
    assert await watches.list(GUILD) == [made]
    assert await watches.list(GUILD + 1) == []


async def test_a_name_is_taken_whatever_its_case_and_only_in_its_server(watches: Watches) -> None:
    await add(watches, "Straße  eins")
    with pytest.raises(Conflict, match="already has a watch named"):
        await add(watches, "STRASSE EINS")
    await add(watches, "Straße eins", guild=GUILD + 1)
    assert (await watches.get(GUILD, "strasse eins")).name == "Straße eins"


async def test_additions_at_once_of_the_same_name_leave_one(watches: Watches) -> None:
    made = await asyncio.gather(*(add(watches) for _ in range(5)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in made) == ["Conflict"] * 4 + ["Watch"]


async def test_a_server_has_room_for_25(watches: Watches) -> None:
    for number in range(25):
        await add(watches, f"watch {number}")
    with pytest.raises(LimitReached, match="25"):
        await add(watches, "one more")
    await add(watches, "elsewhere", guild=GUILD + 1)


@pytest.mark.parametrize("name", ["", "   ", "x" * 51])
async def test_a_name_needs_a_reasonable_length(watches: Watches, name: str) -> None:
    with pytest.raises(AxieflipError, match="1 to 50"):
        await add(watches, name)


async def test_a_name_that_does_not_exist_is_answered_with_those_near_it(watches: Watches) -> None:
    await add(watches, "Mystics under 50")
    await add(watches, "Everything")
    with pytest.raises(NotFound, match="Did you mean Mystics under 50") as caught:
        await watches.get(GUILD, "mystic under 50")
    assert "Everything" not in str(caught.value)


async def test_thresholds_that_are_not_given_stay(watches: Watches) -> None:
    await add(watches)
    changed = await set_thresholds(watches, "cheap", ACTOR, min_probability=0.95)
    assert changed.thresholds == Thresholds(min_net_usd=2.5, min_return=0.2, min_probability=0.95)
    assert await watches.get(GUILD, "cheap") == changed
    assert (await set_thresholds(watches, "cheap", ACTOR, min_net_usd=0)).thresholds.min_net_usd == 0


@pytest.mark.parametrize(
    "wrong", [{"min_probability": 1.01}, {"min_probability": math.nan}, {"min_net_usd": math.inf}]
)
async def test_thresholds_that_make_no_sense_are_refused(watches: Watches, wrong: dict[str, float]) -> None:
    before = await add(watches)
    with pytest.raises(AxieflipError):
        await set_thresholds(watches, "cheap", ACTOR, **wrong)
    assert await watches.get(GUILD, "cheap") == before


async def test_every_change_is_seen_in_the_active_watches_at_once(watches: Watches, guilds: Guilds) -> None:
    assert await watches.active() == ()
    one = await add(watches)
    assert await watches.active() == (one,)
    two = await add(watches, guild=GUILD + 1)
    assert await watches.active() == (one, two)
    one = await set_thresholds(watches, "cheap", ACTOR, min_return=0.5)
    assert await watches.active() == (one, two)
    await watches.set_paused(GUILD, "cheap", ACTOR, True)
    assert await watches.active() == (two,)
    await watches.set_paused(GUILD, "cheap", ACTOR, False)
    await guilds.forget(GUILD + 1, ACTOR)
    assert await watches.active() == (one,)
    await watches.remove(GUILD, "cheap", ACTOR)
    assert await watches.active() == ()


async def test_unchanged_active_watches_come_from_memory(watches: Watches) -> None:
    await add(watches)
    assert await watches.active() is await watches.active()


async def test_a_change_while_the_active_watches_are_read_is_not_hidden(
    db: Database, watches: Watches, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_read, go_on = asyncio.Event(), asyncio.Event()
    reading = db.reading

    @asynccontextmanager
    async def slow_reading() -> AsyncIterator[AsyncSession]:
        async with reading() as session:
            yield session
        have_read.set()
        await go_on.wait()

    with monkeypatch.context() as patched:
        patched.setattr(db, "reading", slow_reading)
        early = asyncio.create_task(watches.active())
        await have_read.wait()
    made = await add(watches)
    go_on.set()
    assert await early == ()
    assert await watches.active() == (made,)


async def test_every_change_is_on_record_with_who_and_what(db: Database, watches: Watches) -> None:
    await add(watches)
    await set_thresholds(watches, "cheap", ACTOR + 1, min_net_usd=9)
    await watches.remove(GUILD, "cheap", ACTOR + 2)
    removed, changed, added = await Audit(db).recent(GUILD)
    assert (added.action, added.actor, added.before) == ("watch added", ACTOR, None)
    assert (changed.actor, changed.subject) == (ACTOR + 1, "Cheap")
    assert changed.before["thresholds"]["min_net_usd"] == 2.5
    assert changed.after["thresholds"]["min_net_usd"] == 9
    assert (removed.actor, removed.after) == (ACTOR + 2, None)
    assert await Audit(db).recent(GUILD + 1) == []


async def test_a_refused_change_leaves_no_record(db: Database, watches: Watches) -> None:
    await add(watches)
    with pytest.raises(Conflict):
        await add(watches)
    with pytest.raises(NotFound):
        await watches.remove(GUILD, "other", ACTOR)
    assert len(await Audit(db).recent()) == 1


async def test_a_change_without_a_transaction_of_its_own_can_be_noted(db: Database) -> None:
    await Audit(db).write("model rolled back", "v2", actor=ACTOR, before="v2", after="v1")
    [entry] = await Audit(db).recent()
    assert (entry.action, entry.guild_id, entry.before, entry.after) == (
        "model rolled back",
        None,
        "v2",
        "v1",
    )


def held(watch: Watch) -> Watch:
    """The same, with quiet hours that have just begun."""
    minute = machine_time().hour * 60 + machine_time().minute
    quiet = Quiet(minute, (minute + 600) % DAY_MINUTES)
    return msgspec.structs.replace(watch, delivery=Delivery(quiet=quiet))


async def owed(db: Database, clock: ManualClock, watches: Watches) -> Outbox:
    """A signal that its watch holds back, and the outbox as it will be tomorrow."""
    await add(watches)
    watch = await watches.change(GUILD, "cheap", ACTOR, held)
    listing = make_listing()
    assert await Journal(db, clock).record([Entry(listing, make_prediction(listing), (watch,))]) == 1
    return Outbox(db, clock, now=lambda: machine_time() + timedelta(days=1))


async def test_what_is_held_for_a_digest_moves_with_its_watch(
    db: Database, clock: ManualClock, watches: Watches
) -> None:
    outbox = await owed(db, clock, watches)
    await watches.change(GUILD, "cheap", ACTOR, lambda w: msgspec.structs.replace(w, channel_id=9))
    (post,) = await outbox.due()
    assert (post.digest, post.channel_id) == (True, 9)


async def test_what_is_held_is_let_go_where_a_person_pauses_and_kept_where_the_bot_does(
    db: Database, clock: ManualClock, watches: Watches
) -> None:
    outbox = await owed(db, clock, watches)
    await watches.set_paused(GUILD, "cheap", None, True, "its channel is gone")
    assert len(await outbox.due()) == 1
    await watches.set_paused(GUILD, "cheap", None, False)
    await watches.set_paused(GUILD, "cheap", ACTOR, True)
    assert await outbox.due() == []
    assert (await outbox.counts()).expired == 1
