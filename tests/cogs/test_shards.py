"""More than one shard: Discord says how many, each serves its own servers, and alerts reach those of each.

The bot is the real one, in two gateway sessions over WebSocket with a simulated Discord in another process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from bot.client import AxieflipBot, create_bot, point_at
from bot.services import Services
from bot.services.journal import Entry
from pipeline.signal import Filters, Thresholds
from sandbox.discord import DiscordConfig, SpawnedWorld, spawn
from tests.cogs.parts import make_listing, price

COGS = ("cogs.errors", "cogs.buttons", "cogs.alerts", "cogs.losses")


@pytest.fixture(autouse=True)
def _discord_as_before() -> Iterator[None]:
    yield
    point_at("https://discord.com/api/v10", "wss://gateway.discord.gg/")


@pytest.fixture
async def discord() -> AsyncIterator[SpawnedWorld]:
    async with spawn(DiscordConfig(shards=2, guilds=2)) as world:
        point_at(world.info["api"], world.info["gateway"])
        yield world


@pytest.fixture
async def bot(
    discord: SpawnedWorld, services: Services, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AxieflipBot]:
    async def at_once(*_: Any, **__: Any) -> None:
        """Real shards identify five seconds apart."""

    monkeypatch.setattr(AxieflipBot, "before_identify_hook", at_once)
    async with create_bot(services, cogs=COGS) as bot:
        running = asyncio.create_task(bot.start(discord.info["token"]))
        services.supervisor.start()
        await discord.wait(sessions=2)
        await seen(lambda: len(bot.guilds) == 2)
        yield bot
        await services.supervisor.stop()
        await bot.close()
        await asyncio.wait([running])


async def seen(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_two_shards_connect_and_alerts_reach_the_servers_of_each(
    discord: SpawnedWorld, bot: AxieflipBot, services: Services
) -> None:
    assert bot.shard_count == 2
    assert sorted(guild.shard_id for guild in bot.guilds) == [0, 1]
    names = ("buy-signals", "buy-signals-2")
    watches = [
        await services.watches.add(id_, discord.channels[name], name, Thresholds(), Filters(), 1)
        for id_, name in zip(discord.info["guilds"], names, strict=True)
    ]
    listing = make_listing(services.clock.now())
    told = price(listing, services.predictor.forecast(listing.axie))
    await services.journal.record([Entry(listing, told, tuple(watches))])
    services.outbox.wake()
    for name in names:
        await discord.wait(channel=name, messages=1)
        (message,) = await discord.get("messages", channel=name)
        assert str(listing.axie.id) in str(message["embeds"])

    # What happens on a server is told to its own shard alone, and the bot hears of it there.
    channel = discord.channels["buy-signals-2"]
    await discord.post("channel", id="buy-signals-2", delete=True)
    await seen(lambda: bot.get_channel(channel) is None)
    assert bot.get_channel(discord.channels["buy-signals"]) is not None


async def test_a_shard_that_loses_its_connection_takes_no_alert_with_it(
    discord: SpawnedWorld, bot: AxieflipBot, services: Services
) -> None:
    struck = await discord.post("faults", kind="gateway", action="close", code=4000)
    assert struck["struck"] == 2
    watch = await services.watches.add(
        discord.info["guilds"][1], discord.channels["buy-signals-2"], "two", Thresholds(), Filters(), 1
    )
    listing = make_listing(services.clock.now())
    told = price(listing, services.predictor.forecast(listing.axie))
    await services.journal.record([Entry(listing, told, (watch,))])
    services.outbox.wake()
    await discord.wait(channel="buy-signals-2", messages=1)
    await discord.wait(sessions=2)
    assert (await discord.get("status"))["resumed"] == 2
