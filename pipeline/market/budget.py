"""How many requests we may still send, shared out so that the watcher never waits for anything else.

Requests are counted in sliding windows of a minute and an hour. Background work may spend only what the
watcher's share of a window does not need; what the gateway tells of its own counting is believed where it
is stricter than ours.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

WATCH_SHARE = 0.5
"""The part of each window that is kept for the watcher."""
DEFAULT_RESET_S = 10.0
LONGEST_RESET_S = 3600.0
_TICK_S = 0.001  # never sleep less: clocks are no finer, and a wait of 0 would spin


class Priority(IntEnum):
    """Who asks. Lower goes first."""

    WATCH = 0
    BACKGROUND = 1


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Requests in a minute and in an hour of market time."""

    per_minute: int = 300
    per_hour: int = 5000


@dataclass(frozen=True, slots=True)
class WindowSnapshot:
    """One window: its limit, what was used in it, and what remains by the stricter of two counts."""

    limit: int
    used: int
    remaining: int


@dataclass(frozen=True, slots=True)
class BudgetSnapshot:
    """The budget at a moment. `blocked_s` is how long the marketplace wants silence, in real seconds."""

    minute: WindowSnapshot
    hour: WindowSnapshot
    blocked_s: float
    waiting: int


class _Window:
    """Sends within the last `seconds`, all and the watcher's, and what the gateway told of its own count."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self._sent: deque[tuple[float, bool]] = deque()
        self._watched = 0
        self._told: tuple[float, float] | None = None  # remaining, when

    def add(self, now: float, watch: bool) -> None:
        self._sent.append((now, watch))
        self._watched += watch
        if self._told is not None:
            self._told = (self._told[0] - 1, self._told[1])

    def tell(self, remaining: float, now: float) -> None:
        self._told = (remaining, now)

    def used(self, now: float) -> int:
        while self._sent and self._sent[0][0] <= now - self.seconds:
            self._watched -= self._sent.popleft()[1]
        return len(self._sent)

    def remaining(self, now: float) -> float:
        ours = self.limit - self.used(now)
        if self._told is None:
            return ours
        told, at = self._told
        # We know neither whether the gateway's window slides nor when it ends: it refills evenly, then, and
        # where that is too bold the 429 that follows says exactly how long to wait.
        return min(ours, told + self.limit * (now - at) / self.seconds)

    def wait(self, now: float, priority: Priority) -> float:
        """Seconds until a request of this priority may be sent, or until it is worth asking again."""
        used, kept = self.used(now), 0
        if priority is not Priority.WATCH:
            kept = max(0, int(WATCH_SHARE * self.limit) - self._watched)
        if self.limit - used - kept < 1:
            # Never 0, which would mean that it may be sent: rounding can bring the oldest to its very end.
            return max(self._sent[0][0] + self.seconds - now, _TICK_S) if self._sent else self.seconds
        missing = 1 + kept - self.remaining(now)
        return missing * self.seconds / self.limit if missing > 0 else 0.0


class RequestBudget:
    """Hands out the right to send one request at a time. `speed` is how fast the market's clock runs."""

    def __init__(
        self,
        limits: RequestLimits = RequestLimits(),
        *,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        scale = speed if speed > 0 else 1.0
        self._minute = _Window(limits.per_minute, 60.0 / scale)
        self._hour = _Window(limits.per_hour, 3600.0 / scale)
        self._clock, self._sleep = clock, sleep
        self._blocked_until = 0.0
        self._turns = {priority: asyncio.Lock() for priority in Priority}
        self._waiting = dict.fromkeys(Priority, 0)

    async def acquire(self, priority: Priority) -> None:
        """Wait until one request may be sent, and count it. First come first served within a priority."""
        self._waiting[priority] += 1
        try:
            async with self._turns[priority]:
                while (wait := self._wait(priority)) > 0:
                    await self._sleep(max(wait, _TICK_S))
                now = self._clock()
                for window in (self._minute, self._hour):
                    window.add(now, priority is Priority.WATCH)
        finally:
            self._waiting[priority] -= 1

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take note of what the gateway says remains."""
        now = self._clock()
        for name, window in (("minute", self._minute), ("hour", self._hour)):
            if (told := headers.get(f"x-ratelimit-remaining-{name}", "").strip()).isdecimal():
                window.tell(float(told), now)

    def block(self, seconds: float | None) -> None:
        """After a 429: nobody sends for that many real seconds (for a while, where it did not say)."""
        wait = DEFAULT_RESET_S if seconds is None else min(max(seconds, _TICK_S), LONGEST_RESET_S)
        self._blocked_until = max(self._blocked_until, self._clock() + wait)

    @property
    def blocked_s(self) -> float:
        """Real seconds until the marketplace wants to hear from us again."""
        return max(0.0, self._blocked_until - self._clock())

    def watch_interval(self) -> float:
        """Real seconds between two of the watcher's requests that its share sustains for good.

        It stretches when a window is nearly spent, so that a few requests are left for what is new.
        """
        now = self._clock()
        interval = 0.0
        for window in (self._minute, self._hour):
            left = window.remaining(now) / window.limit
            stretch = 1 if left > 0.1 else 2 if left > 0.02 else 4
            interval = max(interval, stretch * window.seconds / (WATCH_SHARE * window.limit))
        return interval

    def snapshot(self) -> BudgetSnapshot:
        """The budget as it stands, for people to read."""
        now = self._clock()
        minute, hour = (
            WindowSnapshot(w.limit, w.used(now), max(0, int(w.remaining(now))))
            for w in (self._minute, self._hour)
        )
        return BudgetSnapshot(minute, hour, self.blocked_s, sum(self._waiting.values()))

    def _wait(self, priority: Priority) -> float:
        now = self._clock()
        wait = max(self.blocked_s, self._minute.wait(now, priority), self._hour.wait(now, priority))
        if priority is not Priority.WATCH and self._waiting[Priority.WATCH]:
            # A waiting watcher takes the next free request.
            wait = max(wait, self._wait(Priority.WATCH) + _TICK_S)
        return wait
