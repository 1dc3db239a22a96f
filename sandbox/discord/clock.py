"""The world's clock, and a pulse that wakes whoever waits for the world to change.

simcord runs on virtual time that a test advances. Here the bot lives in another process on the wall clock,
so its backend gets a clock that simply is the wall clock, and nothing has to be advanced in step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_FOUNDED = datetime(2026, 1, 2, tzinfo=UTC)


class WorldClock:
    """Fixed founding instants while the world is built (stable identifiers), then the wall clock."""

    def __init__(self) -> None:
        # perf_counter, because simcord replaces time.monotonic with a function that asks this very clock.
        self._opened = time.perf_counter()
        self._founding: datetime | None = _FOUNDED

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._opened

    def now(self) -> datetime:
        """The founding instant until `open` is called, the aware UTC wall clock afterwards."""
        return self._founding or datetime.now(UTC)

    def found(self, hours: int) -> None:
        """Set the instant that the identifiers of what is created next are made from."""
        self._founding = _FOUNDED + timedelta(hours=hours)

    def open(self) -> None:
        """End the founding: from here on it is now."""
        self._founding = None

    def advance(self, seconds: float) -> None:
        """Do nothing: real time passes by itself."""


class Pulse:
    """Wakes waiters at every change, so that they test their condition instead of sleeping."""

    def __init__(self) -> None:
        self._beat = asyncio.Event()

    def beat(self) -> None:
        """Tell every waiter that something changed."""
        self._beat.set()
        self._beat = asyncio.Event()

    async def next(self) -> None:
        """Wait for the next change."""
        await self._beat.wait()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for `condition` at most `seconds`; return whether it came true."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._beat.wait()
        except TimeoutError:
            return condition()
        return True
