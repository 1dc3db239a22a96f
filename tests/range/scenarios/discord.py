"""Discord is down, slow, limiting, forgetful; every alert arrives once."""

from __future__ import annotations

from aiohttp import web

from sandbox.discord import DiscordConfig
from tests.e2e.processes import until
from tests.range.arena import CHANNEL, Arena
from tests.range.door import Exchange
from tests.range.register import scenario

MINUTES_DOWN = 5.0
SEND = "/channels/*/messages"


async def outage(arena: Arena, *, on: bool) -> None:
    await arena.discord.post("faults", kind="outage", on=on)


@scenario()
async def discord_down_at_start(arena: Arena) -> None:
    """Discord is down when the bot starts, and alerts come due meanwhile"""
    await arena.open()
    await arena.stop()
    await outage(arena, on=True)
    bot = await arena.launch()
    await until("the bot is ready without Discord", bot.ready, 60)
    await arena.bargain(3)
    await arena.pause(3)
    await outage(arena, on=False)
    await arena.settle()


@scenario()
async def discord_refuses_connections_at_start(arena: Arena) -> None:
    """Nobody listens where Discord should be when the bot starts"""
    await arena.open()
    await arena.stop()
    async with arena.discord_door.shutting():
        bot = await arena.launch()
        await until("the bot is ready without Discord", bot.ready, 60)
        await arena.bargain(3)
        await arena.pause(2)
    await arena.settle()


@scenario(seconds=500)
async def discord_down_for_minutes(arena: Arena) -> None:
    """Discord is down for five minutes while listings flow"""
    await arena.open()
    async with arena.flowing(pause=(0.5, 2.0)):
        await outage(arena, on=True)
        await arena.pause(MINUTES_DOWN * 60 * arena.amount)
        await outage(arena, on=False)
    # What has gathered goes out at the pace of one channel, which is five messages in five seconds.
    await arena.settle(90.0 + MINUTES_DOWN * 60 * arena.amount)


@scenario()
async def discord_down_mid_delivery(arena: Arena) -> None:
    """Discord goes down and comes back between the messages of a burst"""
    await arena.open()
    already = len(await arena.messages(channel=CHANNEL))
    async with arena.flowing(pause=(0.02, 0.1)):
        for round_ in range(2):
            await arena.discord.wait(channel=CHANNEL, messages=already + 2 * (round_ + 1), seconds=30)
            await outage(arena, on=True)
            await arena.pause(arena.rng.uniform(0.5, 2))
            await outage(arena, on=False)
    await arena.settle()


@scenario()
async def reconnect_storm(arena: Arena) -> None:
    """The gateway asks to reconnect (op 7) twenty times"""
    await arena.open()
    async with arena.flowing():
        for _ in range(20):
            await arena.discord.post("faults", kind="gateway", action="reconnect")
            await arena.pause(arena.rng.uniform(0, 0.4))
    await arena.settle()


@scenario()
async def invalid_session_storm(arena: Arena) -> None:
    """The gateway invalidates the session (op 9) ten times, resumable or not"""
    await arena.open()
    async with arena.flowing():
        for _ in range(10):
            resumable = arena.rng.random() < 0.5
            await arena.discord.post("faults", kind="gateway", action="invalidate", resumable=resumable)
            await arena.pause(arena.rng.uniform(0, 1))
    await arena.discord.wait(sessions=1, seconds=60)
    await arena.settle()


@scenario()
async def gateway_closes(arena: Arena) -> None:
    """The gateway closes with each code after which a client may come back"""
    await arena.open()
    async with arena.flowing():
        for code in (1000, 1001, 1006, 4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009):
            await arena.discord.wait(sessions=1, seconds=60)
            await arena.discord.post("faults", kind="gateway", action="close", code=code)
    await arena.discord.wait(sessions=1, seconds=60)
    await arena.settle()


@scenario(discord=DiscordConfig(heartbeat_interval=1.0))
async def dead_gateway(arena: Arena) -> None:
    """The gateway's connection stays open and says nothing more"""
    await arena.open()
    identified = (await arena.discord.get("status"))["identified"]
    await arena.discord.post("faults", kind="gateway", action="dead")
    await arena.bargain(2)

    async def back() -> bool:
        status = await arena.discord.get("status")
        return status["identified"] + status["resumed"] > identified and bool(status["sessions"])

    await until("the bot noticed", back, 90)
    await arena.settle()


@scenario()
async def long_rate_limits(arena: Arena) -> None:
    """Discord answers 429 and asks for long waits"""
    await arena.open()
    wait = 60 * arena.amount + 3
    await arena.discord.post(
        "faults", kind="status", status=429, method="POST", path=SEND, times=3, retry_after=wait
    )
    await arena.bargain(3)
    await arena.pause(wait)
    await arena.settle(240)


@scenario()
async def answers_lost(arena: Arena) -> None:
    """Discord stores a message and its answer gets lost, again and again"""
    await arena.open()
    await arena.discord.post("faults", kind="lost_answer", method="POST", path=SEND, times=4)
    await arena.bargain(2)
    await arena.settle()
    await arena.discord.post("faults", kind="lost_answer", method="POST", path=SEND, times=1)
    await arena.bargain(2)
    await arena.settle()


@scenario()
async def killed_after_a_lost_answer(arena: Arena) -> None:
    """Discord stores a message, its answer gets lost, and the bot is killed before it asks again"""
    await arena.open()
    before = len(await arena.messages(channel=CHANNEL))
    await arena.discord.post("faults", kind="lost_answer", method="POST", path=SEND, times=None)
    await arena.bargain()
    await arena.discord.wait(channel=CHANNEL, messages=before + 1)
    await arena.kill()
    await arena.discord.delete("faults")
    await arena.start()
    await arena.settle()


@scenario()
async def discord_slow(arena: Arena) -> None:
    """Discord takes two and a half seconds for every answer"""
    await arena.open()
    await arena.discord.post("faults", kind="latency", ms=2500)
    await arena.bargain(6)
    await arena.settle()


@scenario()
async def discord_cuts_connections(arena: Arena) -> None:
    """Discord cuts half of all connections in the middle of a question"""
    await arena.open()

    async def sometimes(exchange: Exchange) -> web.StreamResponse:
        return exchange.cut() if arena.rng.random() < 0.5 else (await exchange.forward()).response()

    async with arena.discord_door.mishap(sometimes):
        await arena.bargain(6)
        await arena.pause(5)
    await arena.settle()


@scenario()
async def discord_fails(arena: Arena) -> None:
    """Discord answers 500, 502 and 503 to messages"""
    await arena.open()
    for status in (500, 502, 503):
        await arena.discord.post("faults", kind="status", status=status, method="POST", path=SEND, times=1)
    await arena.bargain(3)
    await arena.settle()
