"""How a watch tells what it found: whom it pings, and what it holds back for a digest.

A pure decision, taken when an alert is written down: it goes out at once, or it is held until the end of
the quiet hours or of an hour that has brought enough, and then goes out with the others in one message.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from pipeline.signal import Prediction

DAY_MINUTES = 24 * 60


class Quiet(Struct, frozen=True):
    """Hours of every day, in minutes since midnight; from 22:00 to 7:00 goes over midnight."""

    start: int
    end: int

    def covers(self, minute: int) -> bool:
        """Whether a minute of the day is within; the end is not."""
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


class Delivery(Struct, frozen=True):
    """How a watch tells. None is: no ping, no cap, no quiet hours."""

    role_id: int | None = None
    ping_above_usd: float = 0.0  # net profit from which on the role is pinged
    cap: int | None = None  # alerts an hour; the rest of the hour is one digest
    quiet: Quiet | None = None

    def pings(self, prediction: Prediction) -> int | None:
        """The role to ping for a signal, if it is worth one."""
        return self.role_id if prediction.net_usd >= self.ping_above_usd else None


def held_until(delivery: Delivery, zone: str, now: datetime, sent_this_hour: int) -> datetime | None:
    """Until when an alert is held for a digest; None to send it at once.

    `now` is the machine's time and `sent_this_hour` how many alerts of the watch were sent at once since
    `hour_start(now)`.
    """
    if delivery.quiet is not None:
        here = now.astimezone(ZoneInfo(zone))
        if delivery.quiet.covers(here.hour * 60 + here.minute):
            return next_time(delivery.quiet.end, zone, now)
    if delivery.cap is not None and sent_this_hour >= delivery.cap:
        return hour_start(now) + timedelta(hours=1)
    return None


def hour_start(now: datetime) -> datetime:
    """The beginning of the hour that a cap counts in."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def next_time(minute: int, zone: str, now: datetime) -> datetime:
    """The next moment, later than `now`, at which it is that minute of the day in the zone.

    Where the clock jumps over it, it is as long after midnight as the clock showed before the jump.
    """
    here = now.astimezone(ZoneInfo(zone))
    for days in (0, 1, 2):
        day = here.date() + timedelta(days=days)
        at = datetime.combine(day, time(*divmod(minute, 60)), ZoneInfo(zone)).astimezone(UTC)
        if at > now:
            return at
    raise AssertionError("no day is longer than two")
