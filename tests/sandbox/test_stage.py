"""The stage of the demo: how fast its market's time runs."""

import pytest

from sandbox.child import child
from sandbox.stage import Worlds, market_clock, slowed


@pytest.mark.asyncio
async def test_the_market_s_time_runs_as_ours_while_a_model_is_trained() -> None:
    options = ["--seed=1", "--speed=600", "--history-days=0.01", "--api-key=a-key"]
    async with child("sandbox.marketplace", options) as market:
        worlds = Worlds(market, {})
        before = await market_clock(worlds)
        async with slowed(worlds, 600.0):
            within = await market_clock(worlds)
        after = await market_clock(worlds)

    assert (before.speed, within.speed, after.speed) == (600.0, 1.0, 600.0)
