"""The stage for the unmodified bot: both simulated worlds, the settings that lead to them, a first model.

The demo, the benchmarks and the end-to-end tests all stand on it. Everything lives in one folder, so that
a second start finds its data and its model again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr
from rich.console import Console

from bot.app import App
from bot.commands import collect_into_store, describe, train_from_store
from bot.errors import SettingsError
from bot.outside import open_objects, open_registry
from bot.settings import SIGNING_KEY_CHARS, Settings
from models.registry import RegistryError
from pipeline.clock import ScaledClock
from pipeline.loading import load_appraiser
from pipeline.side.pages import browser
from pipeline.signal import Filters, Thresholds
from sandbox.child import child

API_KEY = "demo-key"
COLLECT_MINUTES = 5.0
CDN = "https://axiecdn.axieinfinity.com"

console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Economy:
    """What determines the simulated market: its seed, its pace (market seconds a second), its history.

    `start` is the market's time when it is first opened, UTC; None is now.
    """

    seed: int = 7
    speed: float = 60.0
    days: float = 10.0
    start: datetime | None = None


def pace(speed: float) -> str:
    """How the market's time runs, for whoever wonders at "sold after 3 h"."""
    minutes = 180 / speed
    took = f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{60 * minutes:.0f} seconds"
    return f"Simulated market, its time {speed:g} times as fast: “sold after 3 h” is {took} here."


@dataclass(frozen=True, slots=True)
class Worlds:
    """Where the two simulations are, as they announced themselves."""

    market: Mapping[str, Any]
    discord: Mapping[str, Any]


@asynccontextmanager
async def worlds(data: Path, economy: Economy, *discord_options: str) -> AsyncIterator[Worlds]:
    """Both simulations, each in a process of its own, for the length of the block.

    The market goes on where it stopped if `data` holds its state.
    """
    market = [
        f"--seed={economy.seed}",
        f"--speed={economy.speed}",
        f"--history-days={economy.days}",
        f"--api-key={API_KEY}",
        f"--epoch={(economy.start or datetime.now(UTC)).isoformat(timespec='seconds')}",
        f"--state={data / 'market.state'}",
    ]
    discord = ["--guild-name=Axie flippers", "--bot-name=axieflip", *discord_options]
    if economy.speed != 1:
        discord.append(f"--topic={pace(economy.speed)}")
    async with child("sandbox.marketplace", market) as m:
        pictures = f"--picture-mirror={CDN}={m['url'].removesuffix('/graphql')}"
        async with child("sandbox.discord", [*discord, pictures]) as d:
            yield Worlds(m, d)


async def market_clock(worlds: Worlds) -> ScaledClock:
    """The simulated market's clock, for the bot to go by."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{worlds.market['control']}/clock") as response,
    ):
        told = await response.json()
    return ScaledClock(datetime.fromtimestamp(told["now"], UTC), told["speed"])


def often(speed: float) -> str:
    """When to collect, as a cron expression: every eight market hours, that a training has new sales."""
    return f"*/{min(59, max(5, round(8 * 60 / speed)))} * * * *"


def settings_for(data: Path, worlds: Worlds, collect_cron: str = "0 */8 * * *") -> Settings:
    """What the environment would say, were these the real services."""
    key = _signing_key(data / "signing.key")
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        discord_token=SecretStr(worlds.discord["token"]),
        discord_api_url=worlds.discord["api"],
        discord_gateway_url=worlds.discord["gateway"],
        discord_guild_id=worlds.discord["guild_id"],
        market_api_key=SecretStr(API_KEY),
        market_url=worlds.market["url"],
        market_poll_min_s=0.25,
        market_poll_max_s=1.0,
        # The page builds itself with JavaScript, which not every machine can do that shows the demo.
        part_strengths_url=worlds.market["parts"] + ("" if browser() else "?plain"),
        database_url=f"sqlite+aiosqlite:///{data / 'axieflip.db'}",
        object_store=f"file:{data / 'store'}",
        model_signing_key=SecretStr(key),
        http_port=0,
        collect_cron=collect_cron,
        train_cron="off",  # a night of the market may last seconds
    )


def _signing_key(file: Path) -> str:
    try:
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(32))
        if len(key := file.read_text().strip()) >= SIGNING_KEY_CHARS:
            return key
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read ({error}): add --fresh to begin anew") from error
    raise SettingsError(f"{file} does not hold a signing key: add --fresh to begin anew")


async def has_champion(settings: Settings) -> bool:
    """Whether an earlier run has left a model that can serve here."""
    try:
        await asyncio.to_thread(load_appraiser, open_registry(settings, open_objects(settings)))
    except RegistryError:
        return False
    return True


@asynccontextmanager
async def slowed(worlds: Worlds, speed: float) -> AsyncIterator[None]:
    """Let the market's time run as ours for the length of the block, and `speed` times as fast after it."""
    url = f"{worlds.market['control']}/economy"
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await session.post(url, json={"speed": 1.0})
        yield
        await session.post(url, json={"speed": speed})


async def prepare(settings: Settings, worlds: Worlds, economy: Economy) -> None:
    """Collect history over HTTP and train the first model, with a display on the terminal.

    However long a training takes here, the market is not hours further when its model begins to serve:
    meanwhile it slows down, so a clock that was asked for before is wrong afterwards.
    """
    clock, history = await market_clock(worlds), timedelta(days=economy.days)
    summary = await collect_into_store(settings, clock, COLLECT_MINUTES, history)
    console.print(str(summary), soft_wrap=True)
    async with slowed(worlds, economy.speed):
        result = await train_from_store(settings, await market_clock(worlds), jobs=2)
    console.print(describe(result), soft_wrap=True)


async def ensure_watch(app: App, worlds: Worlds, name: str) -> None:
    """A watch with the default thresholds for #buy-signals, unless the server has one already."""
    services, guild = app.services, int(worlds.discord["guild_id"])
    if not await services.watches.list(guild):
        channel = int(worlds.discord["channels"]["buy-signals"])
        actor = int(worlds.discord["admin_user_id"])
        await services.watches.add(guild, channel, name, Thresholds(), Filters(), actor)
