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
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp
from rich.console import Console

from bot.app import running
from bot.commands import collect_into_store
from bot.log import configure
from bot.settings import Settings
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
console = Console(stderr=True, highlight=False)


@asynccontextmanager
async def at_work(data: Path, economy: Economy) -> AsyncIterator[tuple[Set, Settings, Worlds]]:
    """The bot at work in both worlds, with a model and a watch, for the length of the block."""
    async with worlds(data, economy, "--rate-limits=off") as both, aiohttp.ClientSession() as session:
        settings = settings_for(data, both)
        with (data / "axieflip.log").open("a") as log:
            configure(settings, log)
            if not await has_champion(settings):
                await prepare(settings, both, economy)
            async with running(settings, await market_clock(both)) as app:
                await ensure_watch(app, both, WATCH)
                stage = Set(app, both.discord, session)
                await stage.pause(False)  # an earlier run has left it paused
                yield stage, settings, both


async def at_once(data: Path, images: Path, names: list[str], browser: str) -> list[str]:
    """Those pictures of the demo at its own pace; the names of those that failed."""
    economy = Economy()
    async with at_work(data, economy) as (stage, _, both):
        await stage.ready()
        console.print("Waiting for a signal that stands alone …")
        await stage.alone()
        await stage.pause(True)
        # Slowed down, or the axie is sold before its picture is taken.
        async with slowed(both, economy.speed), camera(browser, both.discord["preview"], images) as eye:
            return await take(stage, eye, names)


async def later(data: Path, images: Path, names: list[str], browser: str, hours: float) -> list[str]:
    """Those pictures after so many hours of the market; the names of those that failed."""
    economy = Economy(speed=FAST)
    async with at_work(data, economy) as (stage, settings, both):
        await stage.ready()
        console.print(f"Living through {hours:.0f} hours of the market …")
        await asyncio.sleep(hours * 3600 / FAST)
        await stage.pause(True)
        if not {"retraining", "retrained"}.isdisjoint(names):
            # What was sold meanwhile is what the new model is held against.
            clock, history = await market_clock(both), timedelta(days=economy.days)
            await collect_into_store(settings, clock, COLLECT_MINUTES, history)
        async with camera(browser, both.discord["preview"], images) as eye:
            return await take(stage, eye, names)


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
