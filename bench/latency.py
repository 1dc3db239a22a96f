"""How long an alert takes: from a listing in the market's answer to Discord's acceptance of the message.

The whole bot runs, over real sockets, against both simulated worlds in processes of their own. Bargains
are listed one by one, at a steady pace, so that what is measured is the way of one listing. Discord's
own limit of five messages a channel in five seconds is switched off: it is not ours to measure.
"""

from __future__ import annotations

import asyncio

import aiohttp

from bench.timing import Quantiles, quantiles
from bot.app import App

PACE_S = 0.2
CHEAP_ENOUGH = 0.8  # the share that clears them at least: some axies are not worth the least profit at all


async def run(app: App, control: str, alerts: int) -> Quantiles:
    """List that many bargains and wait until each that clears the thresholds has been announced.

    Raises RuntimeError where some are not: figures that leave out the missing ones would flatter.
    """
    stats, outbox = app.services.stats, app.services.outbox
    before = (await outbox.counts()).delivered
    async with aiohttp.ClientSession() as session:
        for _ in range(alerts):
            async with session.post(f"{control}/list", json={"askMultiple": 0.3}) as answer:
                answer.raise_for_status()
            await asyncio.sleep(PACE_S)
        for _ in range(100):
            counts = await outbox.counts()
            announced = counts.delivered - before
            if announced >= alerts * CHEAP_ENOUGH and not counts.pending:
                return quantiles(stats.lag_ms)
            await asyncio.sleep(0.1)
    raise RuntimeError(
        f"only {announced} of {alerts} bargains were announced, {counts.pending} are still due"
    )
