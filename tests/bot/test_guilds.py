from __future__ import annotations

from datetime import datetime
from zoneinfo import available_timezones

import msgspec
import pytest

from bot.db import Database
from bot.errors import AxieflipError
from bot.services.audit import Audit
from bot.services.guild_settings import Area, Currency, GuildSettings
from bot.services.guilds import Guilds
from bot.services.mutes import Mutes
from bot.services.watches import Watches
from pipeline.clock import ManualClock
from pipeline.signal import Filters, Thresholds

GUILD, ACTOR = 2**62, 7


@pytest.fixture
def guilds(db: Database, clock: ManualClock) -> Guilds:
    return Guilds(db, clock, Watches(db, clock), Mutes(db))


def in_zone(name: str) -> object:
    return lambda settings: msgspec.structs.replace(settings, time_zone=name)


async def test_a_server_that_has_settled_nothing_has_the_defaults(guilds: Guilds) -> None:
    assert await guilds.get(GUILD) == GuildSettings()


async def test_settings_are_read_back_by_another_process(
    guilds: Guilds, db: Database, clock: ManualClock
) -> None:
    made = GuildSettings("Asia/Manila", Currency.ETH, 2**62 + 1, {Area.WATCHES: 5})
    await guilds.change(GUILD, ACTOR, lambda _: made)
    assert await Guilds(db, clock, Watches(db, clock), Mutes(db)).get(GUILD) == made
    assert await guilds.operators() == {GUILD: 2**62 + 1}


async def test_a_grant_is_given_to_one_role_and_taken_back(guilds: Guilds) -> None:
    await guilds.grant(GUILD, ACTOR, Area.MODEL, 5)
    await guilds.grant(GUILD, ACTOR, Area.WATCHES, 6)
    await guilds.grant(GUILD, ACTOR, Area.MODEL, 8)
    assert (await guilds.get(GUILD)).grants == {Area.MODEL: 8, Area.WATCHES: 6}
    await guilds.grant(GUILD, ACTOR, Area.MODEL, None)
    assert (await guilds.get(GUILD)).grants == {Area.WATCHES: 6}


async def test_an_unknown_time_zone_is_refused_and_changes_nothing(guilds: Guilds, db: Database) -> None:
    for wrong in ("Mars/Olympus", "", "../etc/passwd"):
        with pytest.raises(AxieflipError, match="is no time zone"):
            await guilds.change(GUILD, ACTOR, in_zone(wrong))  # type: ignore[arg-type]
    assert await guilds.get(GUILD) == GuildSettings()
    assert await Audit(db).recent(GUILD) == []


async def test_each_change_is_on_record_and_none_where_nothing_changed(guilds: Guilds, db: Database) -> None:
    await guilds.change(GUILD, ACTOR, in_zone("Europe/Berlin"))  # type: ignore[arg-type]
    await guilds.change(GUILD, ACTOR, in_zone("Europe/Berlin"))  # type: ignore[arg-type]
    (entry,) = await Audit(db).recent(GUILD)
    assert (entry.actor, entry.action) == (ACTOR, "settings changed")
    assert (entry.before["time_zone"], entry.after["time_zone"]) == ("UTC", "Europe/Berlin")


async def test_watches_follow_their_servers_time_zone(db: Database, clock: ManualClock) -> None:
    watches = Watches(db, clock)
    guilds = Guilds(db, clock, watches, Mutes(db))
    await watches.add(GUILD, 1, "all", Thresholds(), Filters(), ACTOR)
    assert [watch.zone for watch in await watches.active()] == ["UTC"]
    await guilds.change(GUILD, ACTOR, in_zone("Asia/Tokyo"))  # type: ignore[arg-type]
    assert [watch.zone for watch in await watches.active()] == ["Asia/Tokyo"]


@pytest.mark.parametrize("name", sorted(available_timezones())[::25])
def test_every_time_zone_that_is_offered_is_one(name: str) -> None:
    assert datetime(2026, 6, 1, tzinfo=GuildSettings(name).zone).tzinfo is not None
