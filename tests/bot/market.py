"""The simulated marketplace, moved by hand, with a client of ours and a clock that follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.clock import ManualClock
from pipeline.market.budget import RequestLimits
from pipeline.market.client import MarketClient
from sandbox.marketplace import MarketConfig, serve


@dataclass
class Stall:
    """`advance` moves the market and the clock together; `world` is the simulation itself."""

    world: Any
    client: MarketClient
    clock: ManualClock

    def advance(self, seconds: float) -> None:
        self.world.advance(seconds)
        self.clock.advance(seconds)


@asynccontextmanager
async def opened(history_days: float = 0.25) -> AsyncIterator[Stall]:
    config = MarketConfig(
        speed=0, history_days=history_days, book=400, per_second=10**6, per_minute=10**6, per_hour=10**6
    )
    async with serve(config) as market:
        clock = ManualClock(datetime.fromtimestamp(market.world.advance(0), UTC))
        limits = RequestLimits(per_minute=10**6, per_hour=10**6)
        async with MarketClient(market.url, "", clock, limits=limits) as client:
            yield Stall(market.world, client, clock)
