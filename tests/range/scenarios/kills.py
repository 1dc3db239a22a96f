"""The bot's process ends at moments that it did not choose."""

from __future__ import annotations

from tests.e2e.parts import BARGAIN
from tests.range.arena import CHANNEL, Arena
from tests.range.register import scenario

KILLS = 100
# What the kill waits for before its random delay; the longest that the delay may be, in seconds.
MOMENTS = {"spawned": 1.6, "running": 1.5, "posting": 0.03}


@scenario(seconds=900)
async def killed_at_random_moments(arena: Arena) -> None:
    """SIGKILL at random moments, while listings flow and alerts go out"""
    await arena.open()
    await arena.kill()
    async with arena.flowing():
        for _ in range(max(1, round(KILLS * arena.amount))):
            moment = arena.rng.choice([*MOMENTS])
            bot = await arena.launch()
            if moment != "spawned":
                await bot.address()
            if moment == "posting":
                before = len(await arena.messages(channel=CHANNEL))
                await arena.list(BARGAIN)
                await arena.discord.wait(channel=CHANNEL, messages=before + 1, seconds=20)
            await arena.pause(arena.rng.uniform(0, MOMENTS[moment]))
            await arena.kill()
    await arena.start()
    await arena.settle()
