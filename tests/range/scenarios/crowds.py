"""Many listings, watches and servers; servers and channels that go away; a member who does not stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.db import Database
from bot.services.watches import Watches
from pipeline.clock import SystemClock
from pipeline.signal import Filters, Thresholds
from sandbox.discord import DiscordConfig
from tests.e2e.parts import BARGAIN, OVERPRICED
from tests.e2e.processes import until
from tests.range.arena import CHANNEL, Arena
from tests.range.register import scenario

BURST, BURST_S = 10_000, 60.0
GUILDS, WATCHES_EACH = 100, 5
COMMANDS = 1_000


@scenario(seconds=400)
async def burst_of_listings(arena: Arena) -> None:
    """Ten thousand listings come within one minute"""
    await arena.open()
    loop = asyncio.get_running_loop()
    count, began = round(BURST * arena.amount), loop.time()

    async def seller(number: int) -> None:
        for each in range(number, count, 4):
            await asyncio.sleep(max(0.0, began + each * BURST_S / BURST - loop.time()))
            await arena.list(BARGAIN if each % 100 == 0 else OVERPRICED)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(seller(number))
    await arena.settle(240)


@asynccontextmanager
async def database(arena: Arena) -> AsyncIterator[Watches]:
    """The bot's watches, while it does not run."""
    async with Database.open(arena.database_url) as db:
        yield Watches(db, SystemClock())


@scenario(discord=DiscordConfig(guilds=GUILDS), seconds=300)
async def many_watches_in_many_servers(arena: Arena) -> None:
    """Five hundred watches in a hundred servers hear of the same axies"""
    channels = [id_ for name, id_ in arena.discord.channels.items() if name.startswith(CHANNEL)]
    places = list(zip(arena.discord.info["guilds"], channels, strict=True))
    async with database(arena) as watches:
        for guild, channel in places:
            for number in range(WATCHES_EACH):
                thresholds = Thresholds(min_net_usd=0.3 + number / 10)
                await watches.add(guild, channel, f"watch {number}", thresholds, Filters(), 1)
    await arena.start()
    arena.since = (await arena.market.get("clock"))["now"]
    await arena.bargain(2)
    await arena.settle(200)
    assert len({message["channel_id"] for message in await arena.messages()}) == len(places)


@scenario()
async def server_removes_the_bot_mid_alert(arena: Arena) -> None:
    """A server removes the bot while alerts for it are on their way"""
    arena.expected |= {"undeliverable", "paused"}
    await arena.open()
    await arena.discord.post("faults", kind="latency", ms=1500, method="POST", path="/channels/*")
    await arena.bargain(4)
    await arena.discord.wait(channel=CHANNEL, messages=2, seconds=30)
    await arena.discord.post("guild", remove=True)
    await arena.discord.delete("faults")
    await arena.bargain(2)
    await arena.settle()


@scenario()
async def channel_without_permission(arena: Arena) -> None:
    """The bot may not write in the channel any more, and later again"""
    arena.expected |= {"undeliverable", "paused"}
    await arena.open()
    await arena.discord.post("channel", id=CHANNEL, deny=["send_messages"])
    await arena.bargain(3)
    await arena.settle()
    await arena.discord.post("channel", id=CHANNEL, allow=["send_messages"])
    before = len(await arena.messages(channel=CHANNEL))

    async def told_again() -> bool:
        await arena.bargain()
        await arena.pause(1)
        return len(await arena.messages(channel=CHANNEL)) > before

    await until("the watch goes on by itself", told_again, 60)
    await arena.settle()


@scenario()
async def channel_deleted(arena: Arena) -> None:
    """The channel of a watch is deleted while alerts for it are on their way"""
    arena.expected |= {"undeliverable", "paused"}
    await arena.open()
    await arena.discord.post("faults", kind="latency", ms=1500, method="POST", path="/channels/*")
    await arena.bargain(3)
    await arena.pause(1)
    await arena.discord.post("channel", id=CHANNEL, delete=True)
    await arena.discord.delete("faults")
    await arena.settle()


@scenario(seconds=500)
async def command_spam(arena: Arena) -> None:
    """One member sends a thousand commands, one after the other, while listings flow"""
    await arena.open()
    unanswered = 0
    lines = ("status", "predictions recent", "model status", "watch list", "help", "performance")
    async with arena.flowing():
        for number in range(round(COMMANDS * arena.amount)):
            answer = await arena.discord.post(
                "slash", user="member", channel="general", command=lines[number % len(lines)], options={}
            )
            unanswered += not (answer["acknowledged"] and answer["finished"])
    assert not unanswered, f"{unanswered} commands were not answered"
    await arena.settle()
