"""The bot is told to stop, or started where one runs already."""

from __future__ import annotations

import asyncio

from tests.range.arena import Arena
from tests.range.register import scenario


@scenario()
async def stopped_under_load(arena: Arena) -> None:
    """SIGTERM under load ends the bot within ten seconds"""
    await arena.open()
    for _ in range(2):
        async with arena.flowing(pause=(0.0, 0.05)):
            await arena.pause(arena.rng.uniform(1, 3))
            await arena.stop(within=10)
        await arena.start()
    await arena.settle()


@scenario()
async def stopped_while_discord_is_silent(arena: Arena) -> None:
    """SIGTERM while Discord answers nothing ends the bot within ten seconds"""
    await arena.open()
    await arena.discord.post("faults", kind="latency", ms=60_000)
    await arena.bargain(3)
    await arena.pause(2)
    await arena.stop(within=10)
    await arena.discord.delete("faults")
    await arena.start()
    await arena.settle()


@scenario(sqlite=True)
async def two_bots_on_one_database(arena: Arena) -> None:
    """A second bot on the same database refuses to start, and the first does not notice"""
    first = await arena.open()
    for _ in range(3):
        second = await arena.launch()
        ended = await second.process.ended()
        assert ended.code == 2, ended.err
        assert "Another bot is running on the database" in ended.err, ended.err
    arena.bot = first
    await arena.bargain(3)
    await arena.settle()


@scenario(sqlite=True)
async def two_bots_started_at_once(arena: Arena) -> None:
    """Of two bots that are started on one database at the same moment, one serves"""
    await arena.open()
    await arena.stop()
    both = [await arena.launch(), await arena.launch()]
    waits = {asyncio.create_task(each.process.ended(60)): each for each in both}
    done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result().code for task in done] == [2]
    arena.bot = waits[rest.pop()]
    await arena.bargain(2)
    await arena.settle()
