"""The main job: each new listing is priced, held against every watch, and written down in one transaction.

Nothing is acknowledged to the watcher before it is stored, and nothing is announced before that either:
a process killed at any instruction finds the same listings again, and the alerts that it owes.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from structlog.contextvars import bound_contextvars

from bot.services.journal import Entry, Journal
from bot.services.outbox import Outbox
from bot.services.parts import Parts
from bot.services.posts import Posts
from bot.services.stats import IntakeStats
from bot.services.weighing import Weighing
from bot.tracing import KEY, trace_ids
from pipeline.market.watcher import Watcher
from pipeline.market.watching import Batch

log = structlog.get_logger(__name__)
WITHOUT_RATES_S = 0.5


class Intake:
    """One turn is one poll of the marketplace's newest listings."""

    def __init__(
        self,
        watcher: Watcher,
        weighing: Weighing,
        journal: Journal,
        outbox: Outbox,
        posts: Posts,
        parts: Parts,
        stats: IntakeStats,
    ) -> None:
        self._watcher = watcher
        self._weighing = weighing
        self._journal = journal
        self._outbox = outbox
        self._posts = posts
        self._parts = parts
        self._stats = stats

    async def turn(self) -> float:
        """Poll, price, record, acknowledge. Returns the seconds to wait before the next turn.

        Without exchange rates nothing is read: what cannot be priced now would never be priced, and the
        watcher pages back over what was listed meanwhile.
        """
        if self._weighing.waits_for_rates:
            return WITHOUT_RATES_S
        with self._stats.timings.timing("poll"):
            batch = await self._watcher.poll()
        traced = {KEY: trace_ids(listing.hash for listing in batch.listings)} if batch.listings else {}
        with bound_contextvars(**traced):  # for every line about them, those of libraries included
            await self._take_in(batch)
        return batch.delay

    async def _take_in(self, batch: Batch) -> None:
        if batch.listings:
            log.info("listings seen", pages=batch.pages)
        entries = await self._weighing.new(batch.listings)
        self._stats.arrived(batch.received, [entry.listing.hash for entry in entries if entry.watches])
        alerts = 0
        if entries:
            with self._stats.timings.timing("journal"):
                alerts = await self._journal.record(entries)
        self._watcher.acknowledge(batch)
        if alerts:
            self._outbox.wake()
        if entries:
            self._posts.wake()  # a new price may be told in an old message
            await self._parts.seen(listing.axie for listing in batch.listings)
        self._count(batch, entries, alerts)

    def _count(self, batch: Batch, entries: Sequence[Entry], alerts: int) -> None:
        scored = sum(entry.prediction is not None for entry in entries)
        self._stats.polled(batch.at, len(batch.listings), scored, alerts)
        for rejected in batch.rejected:
            self._stats.rejected[rejected.reason] += 1
        if batch.gap is not None:
            self._stats.gaps += 1
            log.warning("listings may have been missed", gap=str(batch.gap))
