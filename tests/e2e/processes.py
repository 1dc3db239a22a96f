"""Whole processes under test: started, listened to, signalled, and their descendants counted.

Output goes to files, so that a silent reader never blocks a process. Every wait is for something that can
be observed and has a deadline; a process that ends early fails the wait with its last words.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.settings import Settings

T = TypeVar("T")
AXIEFLIP = Path(sys.executable).with_name("axieflip")
LOOK_EVERY_S = 0.02


def environment(given: Mapping[str, object] | None = None) -> dict[str, str]:
    """This process's environment without any setting of the bot, and with those that are given."""
    ours = {name.upper() for name in Settings.model_fields}
    # A bot in service has its bytecode; without it each start would compile the whole project anew.
    kept = {k: v for k, v in os.environ.items() if k not in ours | {"PYTHONDONTWRITEBYTECODE"}}
    return kept | {"COLUMNS": "250"} | {name: str(value) for name, value in (given or {}).items()}


async def until(what: str, look: Callable[[], Awaitable[T]], within: float = 30.0) -> T:
    """What `look` answers, as soon as that is true in Python's sense."""
    deadline = time.monotonic() + within
    while not (found := await look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within:.0f} s: {what}")
        await asyncio.sleep(LOOK_EVERY_S)
    return found


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended."""

    code: int
    out: str
    err: str
    seconds: float


class Running:
    """A process of ours in a session of its own, so that a Ctrl-C can be sent to its whole group."""

    def __init__(self, process: asyncio.subprocess.Process, out: Path, err: Path) -> None:
        self._process, self._out, self._err = process, out, err
        self._began = time.perf_counter()
        self.pid = process.pid

    @property
    def out(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def err(self) -> str:
        return self._err.read_text(errors="replace")

    async def said(self, text: str, within: float = 30.0) -> str:
        """Standard error, once it contains the text."""
        return await self.shows(
            f"{text!r} on standard error", lambda: self.err if text in self.err else "", within
        )

    async def shows(self, what: str, look: Callable[[], T], within: float = 30.0) -> T:
        """What `look` answers once that is true, as long as the process lives."""

        async def alive_and() -> T:
            ended = self._process.returncode is not None
            found = look()
            if ended and not found:
                raise AssertionError(f"it ended with {self._process.returncode} before {what}:\n{self.err}")
            return found

        return await until(what, alive_and, within)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def send_group(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)

    async def ended(self, within: float = 30.0) -> Finished:
        try:
            code = await asyncio.wait_for(self._process.wait(), within)
        except TimeoutError:
            raise AssertionError(f"it did not end within {within:.0f} s:\n{self.err[-3000:]}") from None
        return Finished(code, self.out, self.err, time.perf_counter() - self._began)

    async def killed(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


_count = 0


@asynccontextmanager
async def axieflip(*arguments: str, cwd: Path, env: Mapping[str, str]) -> AsyncIterator[Running]:
    """`axieflip …` for the length of the block; killed at its end if it still runs."""
    global _count
    _count += 1
    out, err = cwd / f"{_count}.out", cwd / f"{_count}.err"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = await asyncio.create_subprocess_exec(
            str(AXIEFLIP),
            *arguments,
            cwd=cwd,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=to_out,
            stderr=to_err,
            start_new_session=True,
        )
    running = Running(process, out, err)
    try:
        yield running
    finally:
        await running.killed()


async def finished(*arguments: str, cwd: Path, env: Mapping[str, str], within: float = 60.0) -> Finished:
    """`axieflip …`, run to its end."""
    async with axieflip(*arguments, cwd=cwd, env=env) as process:
        return await process.ended(within)


def descendants(pid: int) -> dict[int, str]:
    """Every living process below one, with its command line."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found: dict[int, str] = {}
    wave = {pid}
    while wave:
        wave = {child for child, parent in parents.items() if parent in wave}
        found |= {child: command(child) for child in wave}
    return found


def command(pid: int) -> str:
    """A process's command line; empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def living(of: Mapping[int, str]) -> dict[int, str]:
    """Those of some processes that still live, and are not another that took over the number."""
    return {pid: line for pid, line in of.items() if line and command(pid) == line}
