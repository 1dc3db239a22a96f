"""Time that passes only when everybody sleeps."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from typing import Any


class VirtualTime:
    """A monotonic clock with its own sleep. `slept` holds every span that was asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), future))
        await future

    async def run(self, *work: Coroutine[Any, Any, Any], until: float = 1e9) -> list[Any]:
        """Run until all work is done or virtual time is up; then what is left is cancelled."""
        tasks = [asyncio.ensure_future(one) for one in work]
        while not all(task.done() for task in tasks):
            for _ in range(20):  # let everybody get to their next sleep
                await asyncio.sleep(0)
            if not self._sleepers or all(task.done() for task in tasks):
                continue
            wake, _, future = heapq.heappop(self._sleepers)
            if wake > until:
                break
            self.now = max(self.now, wake)
            if not future.done():
                future.set_result(None)
        self.now = max(self.now, min(until, self.now))
        for task in tasks:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)
