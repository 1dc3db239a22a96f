"""What an image must do, asked of one that runs: its three commands, its health check, and its end.

The market and Discord are the simulated ones, in processes beside the container.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from bench.footprint import MOST_MB, heavy_modules, megabytes
from deploy.image.container import Container, Process, Root
from deploy.image.recipe import Stage
from sandbox.child import child

STOP_WITHIN_S = 30.0  # what ECS grants between SIGTERM and SIGKILL
HISTORY_DAYS = "0.6"


class NotProved(Exception):
    """Something that the image promises does not hold."""


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


async def prove(stage: Stage, root: Root, work: Path) -> None:
    """Start the image's commands as it says. Raises NotProved with what was found instead."""
    state = work / "volume"
    state.mkdir()
    uid, gid = map(int, stage.user.split(":"))
    if not uid or not gid:
        raise NotProved("the image's user is root")
    os.chown(state, uid, gid)
    volumes = {name: None if name == "/tmp" else state for name in stage.volumes}  # nosec B108
    async with AsyncExitStack() as stack:
        place = stack.enter_context(root.read_only(work, volumes))
        settings = await _worlds(stack)
        container = Container(place, stage.env | settings, stage.user, stage.workdir)
        proof = _Proof(stage, container, work, int(settings["HTTP_PORT"]))
        await proof.nothing_else_can_be_written()
        await proof.ends_early(("collect", "--history-days", HISTORY_DAYS), "Collecting")
        await proof.finishes(("collect", "--history-days", HISTORY_DAYS))
        await proof.ends_early(("train", "--jobs", "1"), "Training:")
        await proof.finishes(("train", "--jobs", "1"), "promoted: it is the first")
        await proof.serves()


async def _worlds(stack: AsyncExitStack) -> dict[str, str]:
    """Both simulations, and the settings that lead to them."""
    key, limit = "rehearsal-key", "1000000"
    market = await stack.enter_async_context(
        child(
            "sandbox.marketplace",
            [
                "--seed=7",
                "--speed=1",
                f"--history-days={HISTORY_DAYS}",
                f"--epoch={datetime.now(UTC).isoformat(timespec='seconds')}",
                f"--api-key={key}",
                f"--per-minute={limit}",
                f"--per-hour={limit}",
            ],
        )
    )
    discord = await stack.enter_async_context(child("sandbox.discord", []))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        "MARKET_URL": market["url"],
        "MARKET_API_KEY": key,
        "MARKET_REQUESTS_PER_MINUTE": limit,
        "MARKET_REQUESTS_PER_HOUR": limit,
        "DISCORD_TOKEN": discord["token"],
        "DISCORD_API_URL": discord["api"],
        "DISCORD_GATEWAY_URL": discord["gateway"],
        "MODEL_SIGNING_KEY": secrets.token_hex(16),
        "HTTP_PORT": str(port),
    }


class _Proof:
    def __init__(self, stage: Stage, container: Container, work: Path, port: int) -> None:
        self._stage, self._container, self._work, self._port = stage, container, work, port

    async def nothing_else_can_be_written(self) -> None:
        for folder in ("/", "/opt/project", "/opt/axieflip", "/etc", "/var"):
            process = await self._start(("touch", f"{folder}/written"), "touch")
            if await _ended(process, 10) == 0:
                raise NotProved(f"{folder} can be written")
        for folder in self._stage.volumes:
            process = await self._start(("touch", f"{folder}/written"), "touch")
            if await _ended(process, 10) != 0:
                raise NotProved(f"{folder} cannot be written: {process.said}")
        say("        read-only but for its volumes; the user is not root")

    async def finishes(self, command: tuple[str, ...], saying: str = "") -> None:
        began = time.monotonic()
        process = await self._start((*self._stage.entrypoint, *command), command[0])
        code = await _ended(process, 300)
        if code:
            raise NotProved(f"`{' '.join(command)}` ended with {code}:\n{process.said[-3000:]}")
        if saying not in process.said:
            raise NotProved(f"`{' '.join(command)}` does not say {saying!r}:\n{process.said[-3000:]}")
        say(f"{time.monotonic() - began:6.1f} s  `{' '.join(command)}` as process 1: done")

    async def ends_early(self, command: tuple[str, ...], after: str) -> None:
        process = await self._start((*self._stage.entrypoint, *command), f"{command[0]}-ended")
        await _until(process, f"{after!r} is said", lambda: _says(process, after))
        took = await self._stop(process, 128 + signal.SIGTERM)
        say(f"        `{' '.join(command)}`: {self._stage.stop_signal} ends it within {took:.1f} s")

    async def serves(self) -> None:
        if await self._healthy() == 0:
            raise NotProved("the health check finds a bot that was not started")
        began = time.monotonic()
        process = await self._start((*self._stage.entrypoint, *self._stage.command), "run")
        await _until(process, "/readyz says 200", self._ready)
        took = time.monotonic() - began
        if (code := await self._healthy()) != 0:
            raise NotProved(f"the health check of a bot that is ready ends with {code}")
        resident, heavy = megabytes(process.pid, "VmRSS"), heavy_modules(process.pid)
        if resident > MOST_MB or heavy:
            raise NotProved(f"the bot holds {resident:.0f} MB, and of the training's libraries: {heavy}")
        say(f"{took:6.1f} s  bot ready, {resident:.0f} MB resident, the health check agrees")
        took = await self._stop(process, 0)
        say(f"        bot: {self._stage.stop_signal} ends it within {took:.1f} s")

    async def _start(self, command: tuple[str, ...], name: str) -> Process:
        return await self._container.start(command, self._work / f"{name}.log", {})

    async def _healthy(self) -> int:
        return await _ended(await self._start(self._stage.healthcheck, "health"), 10)

    async def _ready(self) -> bool:
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(f"http://127.0.0.1:{self._port}/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

    async def _stop(self, process: Process, expected: int) -> float:
        began = time.monotonic()
        os.kill(process.pid, signal.Signals[self._stage.stop_signal])
        code = await _ended(process, STOP_WITHIN_S)
        if code != expected or "Traceback" in process.said:
            raise NotProved(f"it ended with {code} instead of {expected}:\n{process.said[-3000:]}")
        return time.monotonic() - began


async def _says(process: Process, text: str) -> bool:
    return text in process.said


async def _until(process: Process, what: str, look: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1200):
        if await look():
            return
        if process.outer.returncode is not None:
            break
        await asyncio.sleep(0.05)
    raise NotProved(f"it did not come to that: {what}\n{process.said[-3000:]}")


async def _ended(process: Process, within_s: float) -> int:
    try:
        return await asyncio.wait_for(process.outer.wait(), within_s)
    except TimeoutError:
        raise NotProved(f"it did not end within {within_s:.0f} s:\n{process.said[-3000:]}") from None
