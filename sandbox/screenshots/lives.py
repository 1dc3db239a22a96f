"""The lives of the bot in which the pictures are taken, the scenes one after the other.

There are two: at the demo's own pace until a signal stands alone at the end of its channel; then faster,
until its signals have come to something. What fails is tried a second time, and does not keep the other
pictures from being taken. Kept data makes a second run short.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import aiohttp
from rich.console import Console

from bot.app import running
from bot.commands import collect_into_store
from bot.log import configure
from bot.settings import Settings
from pipeline.clock import Clock
from sandbox.screenshots.camera import Camera, camera
from sandbox.screenshots.scenes import AT_ONCE, FORMS, LATER, WATCH, Set
from sandbox.stage import (
    COLLECT_MINUTES,
    Economy,
    Worlds,
    ensure_watch,
    has_champion,
    market_clock,
    prepare,
    settings_for,
    slowed,
    worlds,
)

PAGE: Final = "demo"  # the picture of the whole page, as the browser shows it
FAST: Final = 400.0  # market seconds a second, where hours are to pass
TRIES: Final = 2
PATIENCE_S: Final = 600.0
console = Console(stderr=True, highlight=False)


class Hands:
    """The market's clock as the bot reads it, which can be set anew where the market's pace changes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    @property
    def speed(self) -> float:
        """Market seconds that pass in a real second."""
        return self.clock.speed

    def now(self) -> datetime:
        """Aware UTC market time."""
        return self.clock.now()


@dataclass(frozen=True, slots=True)
class Life:
    """The bot at work in both worlds."""

    stage: Set
    settings: Settings
    worlds: Worlds
    hands: Hands
    economy: Economy

    async def still(self) -> bool:
        """Whether a signal stands alone, and still does once nothing more can follow it."""
        if not await self.stage.alone():
            return False
        await self.stage.pause(True)
        await asyncio.sleep(1)  # what was on its way has arrived
        return await self.stage.alone()

    @asynccontextmanager
    async def slow_motion(self) -> AsyncIterator[None]:
        """Let the market run no faster than the camera for the length of the block, and signal nothing.

        Else what is for sale is sold before its picture is taken, and the page is never done with news.
        """
        await self.stage.pause(True)
        async with slowed(self.worlds, self.economy.speed):
            self.hands.clock = await market_clock(self.worlds)
            yield


@asynccontextmanager
async def at_work(data: Path, economy: Economy) -> AsyncIterator[Life]:
    """The bot at work in both worlds, with a model and a watch, for the length of the block."""
    async with worlds(data, economy, "--rate-limits=off") as both, aiohttp.ClientSession() as session:
        settings = settings_for(data, both)
        with (data / "axieflip.log").open("a") as log:
            configure(settings, log)
            if not await has_champion(settings):
                await prepare(settings, both, economy)
            hands = Hands(await market_clock(both))
            async with running(settings, hands) as app:
                await ensure_watch(app, both, WATCH)
                stage = Set(app, both.discord, session)
                await stage.pause(False)  # an earlier run has left it paused
                await stage.ready()
                yield Life(stage, settings, both, hands, economy)


async def at_once(data: Path, images: Path, names: list[str], browser: str) -> list[str]:
    """Those pictures of the demo at its own pace; the names of those that failed."""
    async with at_work(data, Economy()) as life:
        console.print("Waiting for a signal that stands alone …")
        async with asyncio.timeout(PATIENCE_S):
            while not await life.still():
                await life.stage.pause(False)
                await asyncio.sleep(0.5)
        async with life.slow_motion(), camera(browser, life.worlds.discord["preview"], images) as eye:
            return await take(life.stage, eye, names)


async def later(data: Path, images: Path, names: list[str], browser: str, hours: float) -> list[str]:
    """Those pictures after so many hours of the market; the names of those that failed."""
    economy = Economy(speed=FAST)
    async with at_work(data, economy) as life:
        console.print(f"Living through {hours:.0f} hours of the market …")
        await asyncio.sleep(hours * 3600 / FAST)
        if not {"retraining", "retrained"}.isdisjoint(names):
            # What was sold meanwhile is what the new model is held against. Slowed down, the market would
            # count the requests by its slow minutes.
            history = timedelta(days=economy.days)
            await collect_into_store(life.settings, life.hands, COLLECT_MINUTES, history)
        async with life.slow_motion(), camera(browser, life.worlds.discord["preview"], images) as eye:
            return await take(life.stage, eye, names)


async def take(stage: Set, eye: Camera, names: list[str]) -> list[str]:
    """Take these pictures, and return the names of those that failed at every try."""
    scenes, failed = AT_ONCE | LATER, []
    for name in names:
        for attempt in range(1, TRIES + 1):
            console.print(f"{name} …")
            try:
                if name == PAGE:
                    await eye.page(name)
                else:
                    await eye.message(await scenes[name](stage), name, FORMS.get(name))
                break
            except Exception:  # whatever a page, a browser or a bot can do
                traceback.print_exc()
                if attempt == TRIES:
                    failed.append(name)
    return failed


def live(data: Path, images: Path, names: list[str], browser: str, hours: float | None) -> None:
    """One life of the bot, as a process; it ends with status 1 if a picture is missing."""
    given = (data, images, names, browser)
    if failed := asyncio.run(at_once(*given) if hours is None else later(*given, hours)):
        console.print(f"Not taken: {', '.join(failed)}.")
        sys.exit(1)
