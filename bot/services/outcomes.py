"""What became of the listings seen: asks for their status by hash until it is final."""

from __future__ import annotations

from bot.services.journal import Journal
from pipeline.clock import Clock, pace
from pipeline.market.client import MarketClient

EVERY_S = 300.0  # market seconds
BATCH = 50  # orders in one aliased request


class Outcomes:
    """Resolves open listings, those asked for longest ago first."""

    def __init__(self, client: MarketClient, journal: Journal, clock: Clock) -> None:
        self._client = client
        self._journal = journal
        self._clock = clock

    async def turn(self) -> float:
        """Ask for one batch. Returns the seconds to wait before the next turn."""
        hashes = await self._journal.unresolved(BATCH)
        if hashes:
            found = await self._client.orders(hashes)
            await self._journal.resolve(list(found.values()))
        # A full batch means that more are waiting.
        return pace(self._clock, EVERY_S / (4 if len(hashes) == BATCH else 1))
