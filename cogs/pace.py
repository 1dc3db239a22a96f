"""The pace of what the bot sends by itself, below the limit that Discord sets for all of a bot's requests.

Discord counts 50 requests a second of a bot, and bars whoever is refused 10,000 times in ten minutes; of a
burst of a thousand messages it would refuse 950, again and again. So nothing is sent that would be refused.
What people wait for (answers to commands and buttons) does not count there, and does not wait here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakKeyDictionary

A_SECOND: Final = 40.0  # a busy moment of the loop lets some go at once, and edits and pictures count too
AT_ONCE: Final = 4


class Pace:
    """Turns at an even pace, first come first served. Real seconds, as Discord's are."""

    def __init__(
        self,
        a_second: float = A_SECOND,
        at_once: int = AT_ONCE,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._every_s = 1 / a_second
        self._saved_s = (at_once - 1) / a_second
        self._clock, self._sleep = clock, sleep
        self._next = 0.0

    async def turn(self) -> None:
        """Return when it is one's turn."""
        now = self._clock()
        mine = max(self._next, now - self._saved_s)
        self._next = mine + self._every_s
        if mine > now:
            await self._sleep(mine - now)


_PACES: WeakKeyDictionary[object, Pace] = WeakKeyDictionary()


def pace_of(bot: object) -> Pace:
    """The one pace of a bot: all that it sends by itself shares it."""
    return _PACES.setdefault(bot, Pace())
