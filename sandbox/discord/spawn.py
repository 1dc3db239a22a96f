"""Starts a simulated Discord in a process of its own and gives tests and the demo a handle on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from sandbox.child import child
from sandbox.discord.config import DiscordConfig


class Refused(Exception):
    """The control interface refused a request; the message says why, `status` is the HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status


class SpawnedWorld:
    """A running world: `info` is what it announced, `get`, `post` and `delete` reach `/control`."""

    def __init__(self, info: Mapping[str, Any], session: aiohttp.ClientSession) -> None:
        self.info = info
        self.pid: int = info["pid"]
        self._session = session

    @property
    def channels(self) -> Mapping[str, int]:
        """Channel ids by name."""
        channels: Mapping[str, int] = self.info["channels"]
        return channels

    async def _call(self, method: str, name: str, **options: Any) -> Any:
        async with self._session.request(method, f"{self.info['control']}/{name}", **options) as response:
            answer = await response.json()
        if response.status != 200:
            raise Refused(response.status, answer["error"])
        return answer

    async def get(self, name: str, **query: Any) -> Any:
        """Ask `GET /control/<name>`; `Refused` unless it is answered with 200."""
        return await self._call("GET", name, params={key: str(value) for key, value in query.items()})

    async def post(self, name: str, body: Any = None, /, **fields: Any) -> Any:
        """Send `fields` (or `body`) to `POST /control/<name>`; `Refused` unless it is answered with 200."""
        return await self._call("POST", name, json=fields if body is None else body)

    async def delete(self, name: str) -> Any:
        """Send `DELETE /control/<name>`; `Refused` unless it is answered with 200."""
        return await self._call("DELETE", name)

    async def wait(self, **conditions: Any) -> None:
        """Wait as `GET /control/wait` does; `TimeoutError` if it does not come true in time."""
        if not (await self.get("wait", **conditions))["met"]:
            raise TimeoutError(f"the simulated Discord did not come to {conditions}")


def _arguments(config: DiscordConfig) -> list[str]:
    return [
        f"--port={config.port}",
        f"--preview-port={config.preview_port}",
        f"--guild-name={config.guild_name}",
        f"--bot-name={config.bot_name}",
        f"--channels={','.join(config.channels)}",
        f"--shards={config.shards}",
        f"--guilds={config.guilds}",
        f"--heartbeat={config.heartbeat_interval}",
        f"--rate-limits={'on' if config.rate_limits else 'off'}",
    ]


@asynccontextmanager
async def spawn(config: DiscordConfig | None = None) -> AsyncIterator[SpawnedWorld]:
    """Run a world in another process for the length of the block; it also ends with this process.

    `config.host` and `config.token` are taken at their defaults. Raises as `child` does.
    """
    async with (
        child("sandbox.discord", _arguments(config or DiscordConfig())) as announced,
        aiohttp.ClientSession() as session,
    ):
        yield SpawnedWorld(announced, session)
