"""The pace of what the bot sends by itself, below the limit that Discord sets for all of a bot's requests.

Discord counts 50 requests a second of a bot, and bars whoever is refused 10,000 times in ten minutes; of a
burst of a thousand messages it would refuse 950, again and again. So nothing is sent that would be refused.
Two paces see to that: posts begin at one, and each of their requests waits for the other (`cogs.outgoing`).
As the first is the slower, the second is felt only where what had begun was held up, by the database or the
marketplace, and where a post takes more than one request. What people wait for (answers to commands and
buttons) does not count there, and does not wait here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakKeyDictionary

POSTS_A_SECOND: Final = 40.0
POSTS_AT_ONCE: Final = 4
REQUESTS_A_SECOND: Final = 43.0
REQUESTS_AT_ONCE: Final = 4  # 47 in any second: on their way to Discord some come closer together


class Pace:
    """Turns at an even pace, first come first served. Real seconds, as Discord's are.

    In no second are there more than `a_second` + `at_once` turns, whatever held the loop up meanwhile.
    """

    def __init__(
        self,
        a_second: float = POSTS_A_SECOND,
        at_once: int = POSTS_AT_ONCE,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._every_s = 1 / a_second
        self._saved_s = (at_once - 1) / a_second
        self._clock, self._sleep = clock, sleep
        self._queue = asyncio.Lock()
        self._next = 0.0

    async def turn(self) -> None:
        """Return when it is one's turn."""
        async with self._queue:
            # Only the first in the queue sleeps, and looks again: after a pause of the loop none burst out.
            while (early := self._next - self._clock()) > 0:
                await self._sleep(early)
            self._next = max(self._next, self._clock() - self._saved_s) + self._every_s


_POSTS: WeakKeyDictionary[object, Pace] = WeakKeyDictionary()
_REQUESTS: WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = WeakKeyDictionary()


def pace_of_posts(bot: object) -> Pace:
    """The pace at which a bot begins with what it sends by itself."""
    return _POSTS.setdefault(bot, Pace())


def pace_of_requests() -> Pace:
    """The pace of all requests to Discord that answer nobody: a process has one bot, and one loop."""
    loop = asyncio.get_running_loop()
    return _REQUESTS.setdefault(loop, Pace(REQUESTS_A_SECOND, REQUESTS_AT_ONCE))
