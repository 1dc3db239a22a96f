"""The collection job inside the bot: it shares the watcher's request budget and never goes before it.

APScheduler says when, the supervisor runs it: so it is seen where every other task is, and what failed is
tried again after a pause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog
from apscheduler.triggers.cron import CronTrigger

from pipeline.clock import Clock
from pipeline.collect import CollectBudget, CollectSummary, collect
from pipeline.market.client import MarketClient
from pipeline.objects import ObjectStore
from pipeline.side import SideSource

log = structlog.get_logger(__name__)
UNPLANNED_S = 86_400.0


async def collect_all(
    client: MarketClient,
    store: ObjectStore,
    clock: Clock,
    *,
    budget: CollectBudget,
    side: Sequence[SideSource] = (),
    progress: Callable[[str, int, int | None], None] = lambda *_: None,
) -> CollectSummary:
    """One collection, with what the proxy costs in its summary. Raises StoreError and MarketError."""
    summary = await collect(client, store, clock, budget=budget, side=side, progress=progress)
    if (cost := await client.proxy_cost()) is not None:
        summary.proxy, summary.requests = str(cost), summary.requests + cost.requests
    return summary


class Collecting:
    """Collects into the object store at the times of a cron trigger; without one, when it is ordered."""

    def __init__(
        self,
        client: MarketClient,
        store: ObjectStore,
        clock: Clock,
        minutes: float,
        trigger: CronTrigger | None,
        side: Sequence[SideSource] = (),
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._minutes = minutes
        self._trigger = trigger
        self._side = side
        self._due = False
        self.collected_at: datetime | None = None  # the last one of this process, in the machine's time

    def order(self) -> None:
        """Let the next turn collect."""
        self._due = True

    async def turn(self) -> float:
        """Collect if it is time. Returns the seconds until it is next; raises what the collection raises."""
        if self._due:
            budget = CollectBudget(minutes=self._minutes)
            summary = await collect_all(
                self._client, self._store, self._clock, budget=budget, side=self._side
            )
            self._due = False
            self.collected_at = datetime.now(UTC)
            log.info("collected", summary=str(summary))
        now = datetime.now(UTC)
        planned = self._trigger.get_next_fire_time(None, now) if self._trigger is not None else None
        return UNPLANNED_S if planned is None else max(1.0, (planned - now).total_seconds())
