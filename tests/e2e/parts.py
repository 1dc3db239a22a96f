"""What the end-to-end tests stand on: a market served to them, a trained model, and the bot as a process."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from pipeline.market.values import Listing
from pipeline.signal import Filters, Prediction, Thresholds, refusal
from sandbox.child import child
from sandbox.discord import SpawnedWorld
from tests.e2e.processes import Running, axieflip, environment, until

API_KEY = "e2e-market-key"
SIGNING_KEY = "e2e-signing-key-of-enough-characters"
BARGAIN, OVERPRICED = 0.35, 3.0  # asks as multiples of the fair value


class Market:
    """A simulated marketplace in a process of its own, and its control desk."""

    def __init__(self, url: str, control: str, session: aiohttp.ClientSession) -> None:
        self.url, self.control, self._session = url, control, session

    async def get(self, path: str, /, **query: Any) -> Any:
        async with self._session.get(f"{self.control}/{path}", params=query) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def post(self, path: str, /, **body: Any) -> Any:
        async with self._session.post(f"{self.control}/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def clear_faults(self) -> None:
        async with self._session.delete(f"{self.control}/faults") as response:
            assert response.status == 200

    async def list_axie(self, multiple: float, **wish: Any) -> dict[str, Any]:
        """List an axie at a multiple of its fair value; what only the simulation knows of it."""
        answer: dict[str, Any] = await self.post("list", **({"askMultiple": multiple} | wish))
        return answer


@asynccontextmanager
async def market(seed: int = 7, history_days: float = 1.0) -> AsyncIterator[Market]:
    """A market at the machine's own pace and time, that counts no requests."""
    options = [
        f"--seed={seed}",
        "--speed=1",
        f"--history-days={history_days}",
        f"--epoch={datetime.now(UTC).isoformat(timespec='seconds')}",
        f"--api-key={API_KEY}",
        "--per-minute=1000000",
        "--per-hour=1000000",
    ]
    async with child("sandbox.marketplace", options) as told, aiohttp.ClientSession() as session:
        yield Market(told["url"], told["control"], session)


def market_settings(market: Market) -> dict[str, object]:
    """The settings that lead to a market, for tests that do not wait a minute for a budget."""
    return {
        "MARKET_URL": market.url,
        "MARKET_API_KEY": API_KEY,
        "MARKET_REQUESTS_PER_MINUTE": 100_000,
        "MARKET_REQUESTS_PER_HOUR": 1_000_000,
        "MARKET_POLL_MIN_S": 0.1,
        "MARKET_POLL_MAX_S": 0.3,
    }


def bot_settings(market: Market, discord: SpawnedWorld, store: Path, database: Path) -> dict[str, object]:
    """Everything that the bot needs to be told of the two worlds and its own places."""
    return market_settings(market) | {
        "DISCORD_TOKEN": discord.info["token"],
        "DISCORD_API_URL": discord.info["api"],
        "DISCORD_GATEWAY_URL": discord.info["gateway"],
        "DISCORD_GUILD_ID": discord.info["guild_id"],
        "DATABASE_URL": f"sqlite+aiosqlite:///{database}",
        "OBJECT_STORE": f"file:{store}",
        "MODEL_SIGNING_KEY": SIGNING_KEY,
        "HTTP_PORT": 0,
    }


class Bot:
    """`axieflip run` as a process, and its HTTP door."""

    def __init__(self, process: Running) -> None:
        self.process = process
        self._address: str | None = None

    async def address(self, within: float = 60.0) -> str:
        """Where its HTTP door is; waits for the line that says so."""
        if self._address is None:
            said = await self.process.said("/healthz", within)
            self._address = said.partition("Health: ")[2].partition("/healthz")[0]
        return self._address

    async def ask(self, path: str, **options: Any) -> tuple[int, str]:
        """An answer's status and text."""
        method = "POST" if options else "GET"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{await self.address()}{path}", **options) as response,
        ):
            return response.status, await response.text()

    async def ready(self) -> bool:
        status, _ = await self.ask("/readyz")
        return status == 200


@asynccontextmanager
async def bot(folder: Path, settings: dict[str, object]) -> AsyncIterator[Bot]:
    """The bot with these settings for the length of the block; killed at its end if it still runs."""
    async with axieflip("run", cwd=folder, env=environment(settings)) as process:
        yield Bot(process)


async def command(discord: SpawnedWorld, line: str, /, *, user: str = "admin", **options: Any) -> str:
    """What a slash command in #general was answered, as one text: content, embeds and their fields."""
    answer = await discord.post("slash", user=user, channel="general", command=line, options=options)
    assert answer["acknowledged"], f"/{line} was not answered"
    assert answer["finished"], f"/{line} was not answered for good"
    return text_of(*filter(None, [answer["response"], *answer["followups"]]))


async def retraining(discord: SpawnedWorld) -> str:
    """Have an admin begin a training; the interaction whose message tells of it."""
    started = await discord.post(
        "slash", user="admin", channel="general", command="model retrain", options={}
    )
    return str(started["interaction_id"])


async def trained_at_last(discord: SpawnedWorld, interaction: str, within: float = 240.0) -> str:
    """What the message of a training says once that has ended."""

    async def over() -> str:
        told = text_of((await discord.get("interaction", id=interaction))["response"])
        return told if "finished" in told or "failed" in told else ""

    return await until("the training ends", over, within)


async def retrained(discord: SpawnedWorld, within: float = 240.0) -> str:
    """What the message of `/model retrain` says once the training has ended."""
    return await trained_at_last(discord, await retraining(discord), within)


def text_of(*messages: dict[str, Any]) -> str:
    """All that can be read in some messages."""
    return "\n".join(json.dumps([m["content"], m["embeds"]], ensure_ascii=False) for m in messages)


class Records:
    """The bot's database file, read beside the bot or after it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path, timeout=10)) as connection:
            return connection.execute(query, values).fetchall()

    def listings(self) -> set[str]:
        """Hashes of the listings that are stored."""
        return {hash_ for (hash_,) in self.rows("SELECT hash FROM listings")}

    def alerted(self) -> set[str]:
        """Hashes of the listings that somebody was or will be told of."""
        return {hash_ for (hash_,) in self.rows("SELECT listing_hash FROM alerts")}

    def pending(self) -> int:
        return int(self.rows("SELECT count(*) FROM alerts WHERE state = 'pending'")[0][0])

    def signals(self, thresholds: Thresholds) -> set[str]:
        """Hashes of the stored listings whose stored predictions clear these thresholds."""
        rows = self.rows(
            "SELECT l.body, p.body FROM listings l JOIN predictions p ON p.listing_hash = l.hash"
        )
        found = set()
        for listing_body, prediction_body in rows:
            listing = msgspec.json.decode(listing_body, type=Listing)
            prediction = msgspec.json.decode(prediction_body, type=Prediction)
            if refusal(thresholds, Filters(), listing, prediction, listing.seen_at) is None:
                found.add(listing.hash)
        return found
