"""A watch's digest comes once a day at its hour of the server's own day, whatever happens in between."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.db import Database
from bot.services.announcements import Announcements
from bot.services.digests import Digest, Digests, following
from bot.services.guilds import Guilds
from bot.services.ledger import Ledger
from bot.services.mutes import Mutes
from bot.services.watches import Watch, Watches
from pipeline.clock import ManualClock
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import NOON

GUILD, CHANNEL = 2**62, 77
HOUR = 3600.0


class Desk:
    """Digests with the parts that they are made of."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.clock = clock
        self.watches = Watches(db, clock)
        self.guilds = Guilds(db, clock, self.watches, Mutes(db))
        self.announcements = Announcements(db)
        self.digests = Digests(db, self.guilds, Ledger(db, clock), self.announcements, clock)

    async def watch(self, name: str = "all") -> Watch:
        return await self.watches.add(GUILD, CHANNEL, name, Thresholds(), Filters(), 1)

    async def zone(self, name: str) -> None:
        def edit(settings: Any) -> Any:
            return msgspec.structs.replace(settings, time_zone=name)

        await self.guilds.change(GUILD, 1, edit)

    async def after(self, hours: float) -> list[str]:
        """Look once, so many hours later; all that was said so far."""
        self.clock.advance(hours * HOUR)
        await self.digests.turn()
        return [each.said.key for each in await self.announcements.due()]


@pytest.fixture
def desk(db: Database, clock: ManualClock) -> Desk:
    return Desk(db, clock)


async def test_a_digest_comes_once_a_day_at_its_hour(desk: Desk) -> None:
    watch = await desk.watch()
    made = await desk.digests.set(watch, 15)
    assert made == Digest(watch.id, "all", CHANNEL, 15, NOON + timedelta(hours=3))
    assert await desk.after(2.9) == []
    first = [f"digest:{watch.id}:2026-06-01T15"]
    assert await desk.after(0.2) == first
    assert await desk.after(1) == first
    assert await desk.after(23) == [*first, f"digest:{watch.id}:2026-06-02T15"]


async def test_the_hour_is_that_of_the_server(desk: Desk) -> None:
    await desk.zone("Asia/Manila")  # eight hours ahead: noon is 20:00 there
    watch = await desk.watch()
    made = await desk.digests.set(watch, 21)
    assert made is not None
    assert made.next_at == NOON + timedelta(hours=1)


async def test_days_that_the_bot_missed_are_told_in_one_digest(desk: Desk) -> None:
    watch = await desk.watch()
    await desk.digests.set(watch, 15)
    assert len(await desk.after(24 * 5)) == 1
    [digest] = await desk.digests.of_guild(GUILD)
    assert digest.next_at == NOON + timedelta(days=5, hours=3)


async def test_a_digest_ends_when_it_is_switched_off_or_its_watch_is_gone(desk: Desk) -> None:
    off, gone = await desk.watch("off"), await desk.watch("gone")
    await desk.digests.set(off, 13)
    await desk.digests.set(gone, 13)
    assert [each.watch_name for each in await desk.digests.of_guild(GUILD)] == ["gone", "off"]
    assert await desk.digests.set(off, None) is None
    await desk.watches.remove(GUILD, "gone", 1)
    assert await desk.digests.of_guild(GUILD) == []
    assert await desk.after(25) == []


async def test_a_new_hour_takes_the_place_of_the_old(desk: Desk) -> None:
    watch = await desk.watch()
    await desk.digests.set(watch, 13)
    await desk.digests.set(watch, 20)
    assert await desk.after(2) == []
    assert await desk.after(6.5) == [f"digest:{watch.id}:2026-06-01T20"]


@given(
    st.integers(0, 10 * 366 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    st.integers(0, 23),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_the_next_time_is_ahead_within_a_day_and_at_that_hour(now: datetime, hour: int, name: str) -> None:
    zone = ZoneInfo(name)
    found = following(now, hour, zone)
    assert now < found <= now + timedelta(hours=25)
    local = found.astimezone(zone)
    before = (found - timedelta(hours=3)).astimezone(zone)
    # An hour that a change of clocks leaves out is shown by what follows it.
    assert local.hour == hour or before.utcoffset() != local.utcoffset()
