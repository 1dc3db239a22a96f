"""`python -m bench.load_market`: a simulated marketplace that lists axies at a rate, as a child process.

Rows stand in the order of their time and their orders are shown at once, so that what is measured is the bot
and not the market's delays.
`POST <rate>` with `{"rate": n}` sets how many axies are listed a second.
"""

from __future__ import annotations

import asyncio
import gc
import math
import random
from datetime import UTC, datetime

from aiohttp import web

from sandbox.child import announce, told_to_end
from sandbox.marketplace import search
from sandbox.marketplace.config import MarketConfig
from sandbox.marketplace.server import serve
from sandbox.marketplace.world import World

SEED, API_KEY = 7, "e2e-market-key"
CHEAP = 0.004  # the share that is far below its fair value
TICK_S = 0.02


class Seller:
    """Lists axies at `rate` a second, evenly, until the loop ends."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = random.Random(SEED)
        self.rate = 0.0

    async def run(self) -> None:
        """Catch up with what is due in small portions."""
        loop = asyncio.get_running_loop()
        last, owed = loop.time(), 0.0
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            owed += (now - last) * self.rate
            last = now
            if owed >= 1:
                self._world.catch_up()
                for _ in range(int(owed)):
                    self._list()
                owed -= int(owed)

    def _list(self) -> None:
        economy, rng = self._world.economy, self._rng
        multiple = 0.3 if rng.random() < CHEAP else rng.uniform(1.0, 3.0)
        # With a time of its own an order is shown at once, and not null for its first seconds.
        economy.place(
            economy.population.fresh(),
            math.log(multiple),
            origin="injected",
            buyable=False,
            started=economy.now,
        )


async def _run() -> None:
    search.FAR_S = search.NEAR_S = 0.0
    over = told_to_end(with_parent=True)
    plenty = 100_000_000
    config = MarketConfig(
        seed=SEED,
        speed=1.0,
        history_days=1.0,
        epoch=datetime.now(UTC).replace(microsecond=0),
        api_key=API_KEY,
        per_second=plenty,
        per_minute=plenty,
        per_hour=plenty,
        per_day=plenty,
    )
    async with serve(config) as market:
        market.world.set_demand(0)
        seller = Seller(market.world)

        async def rate(request: web.Request) -> web.Response:
            seller.rate = float((await request.json())["rate"])
            return web.json_response({"now": market.world.catch_up()})

        app = web.Application()
        app.add_routes([web.post("/rate", rate)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        gc.freeze()
        selling = asyncio.create_task(seller.run())
        port = runner.addresses[0][1]
        announce(url=market.url, control=market.control, rate=f"http://127.0.0.1:{port}/rate")
        await over.wait()
        selling.cancel()
        await runner.cleanup()


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("--exit-with-parent", action="store_true")
    parser.parse_args()
    asyncio.run(_run())
