from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.db import Database
from bot.services.journal import Entry, Journal
from bot.services.outbox import Outbox
from bot.services.pacing import DAY_MINUTES, Delivery, Quiet, held_until, hour_start, next_time
from bot.services.watches import Watches
from bot.waiting import machine_time
from pipeline.clock import ManualClock
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import make_listing, make_prediction

NIGHT = Quiet(22 * 60, 7 * 60)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham"])
MINUTES = st.integers(0, DAY_MINUTES - 1)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-06-01T19:59", None),
        ("2026-06-01T20:00", "2026-06-02T05:00"),  # 22:00 in Berlin's summer
        ("2026-06-02T04:59", "2026-06-02T05:00"),
        ("2026-06-02T05:00", None),
        ("2026-01-01T20:30", None),  # 21:30 in its winter
        ("2026-01-01T21:00", "2026-01-02T06:00"),
    ],
)
def test_quiet_hours_are_those_of_the_servers_clock(now: str, until: str | None) -> None:
    found = held_until(Delivery(quiet=NIGHT), "Europe/Berlin", at(now), 0)
    assert found == (None if until is None else at(until))


def test_what_passes_the_cap_waits_for_the_end_of_the_hour() -> None:
    now = at("2026-06-01T12:34")
    capped = Delivery(cap=3)
    assert held_until(capped, "UTC", now, 2) is None
    assert held_until(capped, "UTC", now, 3) == at("2026-06-01T13:00")


def test_quiet_hours_outlast_the_cap() -> None:
    both = Delivery(cap=1, quiet=NIGHT)
    assert held_until(both, "UTC", at("2026-06-01T23:10"), 5) == at("2026-06-02T07:00")


@given(MINUTES, MINUTES, ZONES, MOMENTS)
def test_whatever_is_held_is_held_for_less_than_a_day_and_a_bit(
    start: int, end: int, zone: str, now: datetime
) -> None:
    until = held_until(Delivery(quiet=Quiet(start, end)), zone, now, 0)
    assert until is None or now < until <= now + timedelta(hours=25)


@given(MINUTES, ZONES, MOMENTS)
def test_the_next_time_is_ahead_and_never_more_than_a_day_and_an_hour(
    minute: int, zone: str, now: datetime
) -> None:
    assert now < next_time(minute, zone, now) <= now + timedelta(hours=25)


def test_a_role_is_pinged_from_its_profit_on() -> None:
    prediction = make_prediction(make_listing(), net_usd=4.0)
    assert Delivery(role_id=9, ping_above_usd=4.0).pings(prediction) == 9
    assert Delivery(role_id=9, ping_above_usd=4.01).pings(prediction) is None
    assert Delivery().pings(prediction) is None


async def test_one_page_beyond_the_cap_is_held_from_the_first_alert_too_many_on(
    db: Database, clock: ManualClock
) -> None:
    watches, journal, outbox = Watches(db, clock), Journal(db, clock), Outbox(db, clock)
    capped = await watches.add(1, 2, "capped", Thresholds(), Filters(), 3, Delivery(cap=2))
    free = await watches.add(1, 2, "free", Thresholds(), Filters(), 3)

    async def page(count: int) -> None:
        listings = [make_listing() for _ in range(count)]
        entries = [Entry(each, make_prediction(each), (capped, free)) for each in listings]
        assert await journal.record(entries) == 2 * count

    before = hour_start(machine_time())
    await page(1)
    await page(3)
    if hour_start(machine_time()) != before:  # the hour struck in between, and counts anew
        return
    names = [alert.watch_name for post in await outbox.due() for alert in post.alerts]
    assert (names.count("capped"), names.count("free")) == (2, 4)
    later = Outbox(db, clock, now=lambda: hour_start(machine_time()) + timedelta(hours=1))
    held = [post for post in await later.due() if post.digest]
    assert [[alert.watch_name for alert in post.alerts] for post in held] == [["capped"] * 2]
