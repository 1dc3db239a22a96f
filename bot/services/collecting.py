"""The collection job inside the bot: it shares the watcher's request budget and never goes before it."""

from __future__ import annotations

import structlog

from pipeline.clock import Clock
from pipeline.collect import CollectBudget, CollectSummary, collect
from pipeline.market.client import MarketClient
from pipeline.objects import ObjectStore

log = structlog.get_logger(__name__)


class Collecting:
    """Collects into the object store; APScheduler calls it."""

    def __init__(self, client: MarketClient, store: ObjectStore, clock: Clock, minutes: float) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._minutes = minutes
        self.last: CollectSummary | None = None
        self.last_error: str | None = None

    async def run(self) -> None:
        """One collection. A failure is logged and kept for /status; the next run starts afresh."""
        try:
            self.last = await collect(
                self._client, self._store, self._clock, budget=CollectBudget(minutes=self._minutes)
            )
            self.last_error = None
            log.info("collected", summary=str(self.last))
        except Exception as error:
            self.last_error = f"{type(error).__name__}: {error}"
            log.exception("the collection failed")
