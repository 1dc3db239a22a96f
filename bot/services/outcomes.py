"""What became of the listings seen: asks for their status by hash until it is final.

A listing that somebody was told of is asked for about every half minute while the alert is young, all
others seldom; whatever is due fits into one request at a time, of the background's share of the budget.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.services.journal import Journal
from bot.services.ledger import Ledger
from bot.services.posts import Posts
from pipeline.clock import Clock, pace
from pipeline.market.client import MarketClient

EVERY_S = 30.0  # market seconds
RECONCILE_EVERY = timedelta(minutes=2)
BATCH = 50  # orders in one aliased request


class Outcomes:
    """Resolves open listings as they come due, and holds sales against those that were sold."""

    def __init__(
        self, client: MarketClient, journal: Journal, ledger: Ledger, posts: Posts, clock: Clock
    ) -> None:
        self._client = client
        self._journal = journal
        self._ledger = ledger
        self._posts = posts
        self._clock = clock
        self._reconciled: datetime | None = None

    async def turn(self) -> float:
        """Ask for one batch. Returns the seconds to wait before the next turn."""
        hashes = await self._journal.unresolved(BATCH)
        if hashes:
            found = await self._client.orders(hashes)
            await self._journal.resolve(list(found.values()))
        now = self._clock.now()
        if self._reconciled is None or now - self._reconciled >= RECONCILE_EVERY:
            await self._ledger.reconcile()
            self._reconciled = now
        self._posts.wake()
        # A full batch means that more are waiting.
        return pace(self._clock, EVERY_S / (2 if len(hashes) == BATCH else 1))
