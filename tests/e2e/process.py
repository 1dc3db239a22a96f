"""The bot as its own process against both simulated worlds in theirs."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.child import child

API_KEY = "e2e-key"


@dataclass
class Stage:
    """Both worlds, and the environment that leads a bot to them."""

    market: dict[str, Any]
    discord: dict[str, Any]
    env: dict[str, str]
    folder: Path
    session: aiohttp.ClientSession

    async def market_get(self, path: str, **params: Any) -> Any:
        async with self.session.get(f"{self.market['control']}/{path}", params=params) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def market_post(self, path: str, **body: Any) -> Any:
        async with self.session.post(f"{self.market['control']}/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def discord_get(self, path: str, **params: Any) -> Any:
        async with self.session.get(f"{self.discord['control']}/{path}", params=params) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def slash(self, command: str, user: str = "admin", **options: Any) -> dict[str, Any]:
        """Use a slash command in #buy-signals; the finished answer of the bot."""
        body = {"user": user, "channel": "buy-signals", "command": command, "options": options}
        async with self.session.post(f"{self.discord['control']}/slash", json=body) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def messages(self) -> list[dict[str, Any]]:
        """What stands in #buy-signals."""
        answer = await self.discord_get("messages", channel="buy-signals")
        found: list[dict[str, Any]] = answer["messages"] if isinstance(answer, dict) else answer
        return found

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read the bot's database, as another process may."""
        file = self.folder / "axieflip.db"
        if not file.exists():
            return []
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10) as connection:
            return connection.execute(query).fetchall()

    async def start(self) -> asyncio.subprocess.Process:
        """`axieflip run`, its log in `run.log`."""
        with (self.folder / "run.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.cli", "run", env=self.env, stdout=log, stderr=log
            )

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A bot that is ready, ended with SIGTERM."""
        process = await self.start()
        try:
            await self.until(self.ready, "the bot to be ready")
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), 15)

    async def ready(self) -> bool:
        try:
            async with self.session.get(f"{self.door}/readyz") as answer:
                if answer.status != 200:
                    return False
        except aiohttp.ClientError:
            return False
        status = await self.discord_get("status")
        return bool(status["sessions"]) and "status" in status["commands"]

    @property
    def door(self) -> str:
        """Address of the bot's HTTP endpoint."""
        return f"http://127.0.0.1:{self.env['HTTP_PORT']}"

    async def until(self, true: Callable[[], Any], what: str, within: float = 60.0) -> None:
        """Wait for a condition (plain or awaitable), with a deadline."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            found = true()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.1)
        log = (self.folder / "run.log").read_text()[-3000:]
        raise TimeoutError(f"waited {within:.0f} s for {what}\n{log}")


@asynccontextmanager
async def staged(folder: Path, trained: Path) -> AsyncIterator[Stage]:
    """Worlds in real time without buyers, and a bot's folder that holds a trained model."""
    shutil.copytree(trained / "store" / "models", folder / "store" / "models")
    market = [
        "--seed=11", "--speed=1", "--history-days=0.2", "--book=300", f"--api-key={API_KEY}",
        f"--epoch={datetime.now(UTC).isoformat()}",
        "--per-minute=100000", "--per-hour=1000000",
    ]  # fmt: skip
    async with (
        child("sandbox.marketplace", market) as m,
        child("sandbox.discord", ["--rate-limits=off"]) as d,
        aiohttp.ClientSession() as session,
    ):
        env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
            "DISCORD_TOKEN": d["token"],
            "DISCORD_API_URL": d["api"],
            "DISCORD_GATEWAY_URL": d["gateway"],
            "DISCORD_GUILD_ID": str(d["guild_id"]),
            "MARKET_API_KEY": API_KEY,
            "MARKET_URL": m["url"],
            "MARKET_POLL_MIN_S": "0.2",
            "MARKET_POLL_MAX_S": "0.4",
            "MARKET_REQUESTS_PER_MINUTE": "100000",
            "MARKET_REQUESTS_PER_HOUR": "1000000",
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'axieflip.db'}",
            "OBJECT_STORE": f"file:{folder / 'store'}",
            "MODEL_SIGNING_KEY": (trained / "signing.key").read_text().strip(),
            "HTTP_PORT": str(free_port()),
        }
        stage = Stage(m, d, env, folder, session)
        await stage.market_post("economy", buyers=0)
        yield stage


def free_port() -> int:
    """A port that nobody listens on just now."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
