"""What time it is in the market, handed in so that the same code runs live, sped up or in a test.

Only *market* time goes through here. Pacing (how often to poll, when to retry) stays in real time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that tells market time."""

    @property
    def speed(self) -> float:
        """Market seconds that pass in a real second; 0 where time only moves when told to."""
        ...

    def now(self) -> datetime:
        """Aware UTC market time."""
        ...


def pace(clock: Clock, market_s: float, *, at_least_s: float = 1.0) -> float:
    """Real seconds for a span of market seconds, so that freshness keeps up with a sped-up market."""
    return max(market_s / clock.speed, at_least_s) if clock.speed > 0 else at_least_s


class SystemClock:
    """Market time is the machine's time."""

    speed = 1.0

    def now(self) -> datetime:
        """Aware UTC time of this machine."""
        return datetime.now(UTC)


class ScaledClock:
    """Market time that runs `speed` times as fast as the machine, from a known instant on."""

    def __init__(self, anchor: datetime, speed: float) -> None:
        if anchor.tzinfo is None:
            raise ValueError("the anchor of a clock must be an aware time")
        self._anchor = anchor.astimezone(UTC)
        self._started = time.monotonic()
        self.speed = speed

    def now(self) -> datetime:
        """Anchor plus the real time since construction, times the speed."""
        return self._anchor + timedelta(seconds=(time.monotonic() - self._started) * self.speed)


class ManualClock:
    """Market time that moves only when told to."""

    speed = 0.0

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The time it was last set to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by market seconds."""
        self._now += timedelta(seconds=seconds)
