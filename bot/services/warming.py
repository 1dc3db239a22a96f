"""Reads in the background, once after the start, what people are going to ask for.

On a cold disk a question is a hundred pages apart from each other; the first to ask would wait for them.
What is asked here are the very questions, so that no list of pages can fall out of step with them.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

import structlog

from bot.services.history import History, Wanted
from bot.services.ledger import Ledger
from bot.services.performance import MOST_ROWS
from bot.services.trends import Trends
from bot.services.watches import Watches
from bot.supervisor import LONGEST_S
from pipeline.clock import Clock
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass

DAYS = 30  # as people look back at most: on predictions, and on what signals came to
RESULTS = timedelta(days=365)
AT_MOST_S = 120.0
_NO_SERVER = 0
log = structlog.get_logger(__name__)


class Warming:
    """Asks each question once: those of the market, and those of each server that has a watch."""

    def __init__(
        self, history: History, ledger: Ledger, trends: Trends, watches: Watches, clock: Clock
    ) -> None:
        self._history = history
        self._ledger = ledger
        self._trends = trends
        self._watches = watches
        self._clock = clock

    async def turn(self) -> float:
        """Ask them all, one at a time, as far as two minutes reach. Returns the seconds to the next turn."""
        began = time.monotonic()
        asked = 0
        async for question in self._questions():
            await question
            asked += 1
            if time.monotonic() - began > AT_MOST_S:
                break
        log.info("read what people ask for", questions=asked, took_s=round(time.monotonic() - began, 1))
        return LONGEST_S

    async def _questions(self) -> AsyncIterator[Awaitable[object]]:
        now = self._clock.now()
        yield self._history.page(Wanted(_NO_SERVER, days=DAYS))
        yield self._history.numbers("")
        for digit in range(1, 10):
            yield self._history.numbers(str(digit))
        yield self._trends.view(now, timedelta(days=DAYS))
        for class_ in AxieClass:
            yield self._history.page(Wanted(_NO_SERVER, days=DAYS, class_=class_))
        for kind in Collection:
            yield self._history.page(Wanted(_NO_SERVER, days=DAYS, collection=kind))
        for least in (1.0, 10.0, 1e6):  # the last is more than any, and so reads all of the index
            yield self._history.page(Wanted(_NO_SERVER, days=DAYS, min_net_usd=least))
        for guild_id in dict.fromkeys(watch.guild_id for watch in await self._watches.active()):
            yield self._history.page(Wanted(guild_id, days=DAYS, signals=True))
            yield self._ledger.rows(guild_id, since=now - RESULTS, limit=MOST_ROWS)
