"""`python -m bench.fanout`: one listing to many channels, by the real delivery against a simulated Discord.

The simulated Discord stands in another process and enforces the limits of the real one: 50 requests a second
of a bot, 5 messages in 5 seconds of a channel. Beside what was measured stands what the limits alone allow.
One channel answers slowly; nobody else may feel it. One large server has most of the channels; small ones
may not have to wait for it.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from bot import log
from bot.client import create_bot, point_at
from bot.db import Database
from bot.db.servers import WatchRow
from bot.services import Services
from bot.services.journal import Entry
from pipeline.clock import SystemClock
from pipeline.market.values import OrderStatus, Resolution
from pipeline.signal import Filters, Thresholds
from sandbox.discord import DiscordConfig, SpawnedWorld, spawn
from sandbox.discord.limits import GLOBAL_LIMIT, GLOBAL_WINDOW
from tests.bot.door import Champion, services_of
from tests.bot.factories import make_listing, make_prediction

RESULTS = Path(__file__).parent / "results-fanout.json"
COGS = ("cogs.errors", "cogs.buttons", "cogs.alerts")
SLOW_S = 3.0
SMALL = 0.02  # the share of channels that are in servers with just one


@dataclass(frozen=True, slots=True)
class Fanned:
    """Seconds from the commit to the arrival at Discord: of the first, half, all but one in 100, the last.

    `commit_s` is what the commit took, `floor_s` what Discord's limit alone would need, `refused` how many
    requests it refused, `small_s` when the last of the small servers was served, `slow_s` when the slow
    channel was, `orders` how often the marketplace was asked whether the listing still stands.
    """

    channels: int
    commit_s: float
    floor_s: float
    first_s: float
    half_s: float
    most_s: float
    last_s: float
    refused: int
    small_s: float
    slow_s: float
    orders: int
    busy: float


ROWS = {
    "commit_s": "written down",
    "floor_s": "Discord's limit alone",
    "first_s": "first channel",
    "half_s": "half of them",
    "most_s": "99 % of them",
    "last_s": "last of them",
    "small_s": "last of the small servers",
    "slow_s": f"the channel that takes {SLOW_S:.0f} s",
    "refused": "requests refused by Discord",
    "orders": "questions whether it still stands",
    "busy": "processor",
}


class Quiet(Champion):
    """A champion in a market whose exchange rates are not known: prices are in dollars."""

    rates = None


class Market:
    """Says that every order is open, after as long as the marketplace takes."""

    def __init__(self) -> None:
        self.asked = 0

    async def orders(self, hashes: Sequence[str]) -> dict[str, Resolution]:
        self.asked += 1
        await asyncio.sleep(0.1)
        return {hash_: Resolution(hash_, OrderStatus.OPEN, SystemClock().now()) for hash_ in hashes}


async def fan_out(channels: int, within_s: float) -> Fanned:
    """Write one signal for that many channels, and see when each has it."""
    small = max(2, int(channels * SMALL))
    names = tuple(f"c{number}" for number in range(channels - small + 1))
    config = DiscordConfig(channels=names, guilds=small)
    with tempfile.TemporaryDirectory() as folder:
        async with spawn(config) as discord, Database.open(f"sqlite+aiosqlite:///{folder}/a.db") as db:
            point_at(discord.info["api"], discord.info["gateway"])
            market = Market()
            services = services_of(db, cast(Any, SystemClock()), market, Quiet())
            log.configure(services.settings, io.StringIO())
            async with create_bot(services, cogs=COGS) as bot:
                running = asyncio.create_task(bot.start(discord.info["token"]))
                services.supervisor.start()
                await discord.wait(sessions=1, seconds=60)
                try:
                    return await _measure(discord, services, market, channels, small, within_s)
                finally:
                    await services.supervisor.stop()
                    await bot.close()
                    await asyncio.wait([running])


async def _measure(
    discord: SpawnedWorld, services: Services, market: Market, channels: int, small: int, within_s: float
) -> Fanned:
    guilds = discord.info["guilds"]
    first = [(guilds[0], id_) for name, id_ in discord.channels.items() if "-" not in name]
    others = [(guilds[n - 1], discord.channels[f"c0-{n}"]) for n in range(2, small + 1)]
    places = [*first, *others]  # the small servers came last, as servers do
    await _watches(services, places)
    slow = first[len(first) // 2][1]
    path = f"/channels/{slow}/messages"
    await discord.post("faults", kind="latency", method="POST", path=path, ms=SLOW_S * 1000)
    listing = make_listing(seen_at=services.clock.now())
    watches = await services.watches.active()
    cpu, began = time.process_time(), time.time()
    await services.journal.record([Entry(listing, make_prediction(listing), watches)])
    commit_s, began = time.time() - began, time.time()
    services.outbox.wake()
    async with asyncio.timeout(within_s):
        while (await services.outbox.counts()).delivered < channels:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    sent = await discord.get("requests", since=began, method="POST", path="/channels/")
    at = {int(each["path"].split("/")[2]): each["at"] - began for each in sent if each["status"] == 200}
    ordered = sorted(at.values())
    return Fanned(
        channels=channels,
        commit_s=commit_s,
        floor_s=(channels - 1) // GLOBAL_LIMIT * GLOBAL_WINDOW,
        first_s=ordered[0],
        half_s=ordered[len(ordered) // 2],
        most_s=ordered[int(len(ordered) * 0.99)],
        last_s=max(seconds for channel, seconds in at.items() if channel != slow),
        refused=sum(each["status"] == 429 for each in sent),
        small_s=max(at[channel] for _, channel in others),
        slow_s=at[slow] + SLOW_S,
        orders=market.asked,
        busy=(time.process_time() - cpu) / max(ordered[-1], 0.1),
    )


async def _watches(services: Services, places: Sequence[tuple[int, int]]) -> None:
    """A watch for each channel; one by one they would take minutes."""
    large = [channel for guild, channel in places if guild == places[0][0]]
    await services.watches.add(places[0][0], large[0], "0", Thresholds(), Filters(), 1)
    table = WatchRow.__table__
    async with services.db.session() as session:
        (model,) = (await session.execute(table.select())).mappings()
        rows = [
            {
                **model,
                "id": model["id"] + number,
                "channel_id": id_,
                "name": str(number),
                "name_key": str(number),
            }
            for number, id_ in enumerate(large[1:], start=1)
        ]
        for start in range(0, len(rows), 500):
            await session.execute(table.insert(), rows[start : start + 500])  # type: ignore[arg-type]
    for guild, channel in places[len(large) :]:
        await services.watches.add(guild, channel, "0", Thresholds(), Filters(), 1)


def _shown(name: str, value: float) -> str:
    return f"{value:.1f} s" if name.endswith("_s") else f"{value:.0%}" if name == "busy" else f"{value:,}"


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description=__doc__)
    parser.add_argument("--channels", type=int, nargs="+", default=[200, 1000])
    given = parser.parse_args()
    results = [asdict(asyncio.run(fan_out(each, within_s=60 + each / 10))) for each in given.channels]
    table = Table("", *(f"{each:,} channels" for each in given.channels))
    for name, words in ROWS.items():
        table.add_row(words, *(_shown(name, result[name]) for result in results))
    Console().print(table)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
