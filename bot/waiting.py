"""Waiting for the next thing that is due in the database: sleep until then, or until woken earlier."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select

from bot.db import Database

SET_BACK_S = 2.0  # how far the clock must have gone back to have been set, and not just adjusted
LOOK_AGAIN_S = 30.0  # the longest sleep: the machine's clock may be set, another process may write


def machine_time() -> datetime:
    """Aware UTC time of this machine."""
    return datetime.now(UTC)


class Waiting:
    """Waits for the moment that a question of the database answers with, without polling between."""

    def __init__(
        self,
        db: Database,
        next_at: Select[Any],
        now: Callable[[], datetime],
        set_back: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`next_at` selects one time of the machine, or null where nothing is to come.

        `set_back` is called before the first look, and where the machine's clock has been set back since
        the last: what was to come in seconds would otherwise wait for as long as that.
        """
        self._set_back = set_back
        self._ahead: float | None = None
        self._db = db
        self._next_at = next_at
        self._now = now
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Let `wait` look again: something was written down."""
        self._awake.set()

    async def wait(self) -> None:
        """Return once something is due."""
        while True:
            # Cleared before looking: what is recorded after the look sets it again and ends the sleep.
            self._awake.clear()
            await self._look_at_the_clock()
            async with self._db.reading() as session:
                at = await session.scalar(self._next_at)
            pause = LOOK_AGAIN_S if at is None else (at - self._now()).total_seconds()
            if pause <= 0:
                return
            try:
                async with asyncio.timeout(min(pause, LOOK_AGAIN_S)):
                    await self._awake.wait()
            except TimeoutError:
                continue

    async def _look_at_the_clock(self) -> None:
        ahead, before = self._now().timestamp() - time.monotonic(), self._ahead
        self._ahead = ahead
        if self._set_back is not None and (before is None or ahead < before - SET_BACK_S):
            await self._set_back()
