"""A training is killed, runs out of memory or time, or is refused by validation; the bot serves on."""

from __future__ import annotations

import resource
import signal
from collections.abc import Awaitable, Callable
from os import getsid, kill
from pathlib import Path

from tests.e2e.processes import descendants, until
from tests.range.arena import Arena
from tests.range.register import scenario

Harm = Callable[[int], None]


async def birth_of(arena: Arena) -> int:
    """The training's process, once it is there."""

    async def there() -> list[int]:
        found = descendants(arena.life.process.pid)
        return [pid for pid, line in found.items() if "pipeline.birth" in line]

    return (await until("a training process", there))[0]


async def fails(arena: Arena, harm: Callable[[int], Awaitable[None]], *words: str) -> None:
    """A training that is harmed is on record as failed, with the reason; alerts go out all the while."""
    await arena.discord.post("slash", user="admin", channel="general", command="model retrain", options={})
    await harm(await birth_of(arena))

    async def over() -> list[tuple[str, str]]:
        rows = arena.records.rows("SELECT state, error FROM training_runs ORDER BY id DESC LIMIT 1")
        return [row for row in rows if row[0] not in ("running", "pending")]

    await arena.bargain(2)
    (state, error), *_ = await until("the training's end is on record", over, 90)
    assert state == "failed", (state, error)
    assert any(word in error for word in words), error
    # A training has a session of its own; the worker that draws is in the bot's.
    bot = arena.life.process.pid
    assert all(getsid(pid) == getsid(bot) for pid in descendants(bot)), "processes of the training are left"
    await arena.settle()


@scenario()
async def training_killed(arena: Arena) -> None:
    """A training is killed"""

    async def harm(pid: int) -> None:
        await arena.pause(arena.rng.uniform(0, 4))
        kill(pid, signal.SIGKILL)

    await arena.open()
    await fails(arena, harm, "was killed")


@scenario()
async def training_out_of_memory(arena: Arena) -> None:
    """A training runs out of memory"""

    async def harm(pid: int) -> None:
        await arena.pause(1.5)
        now = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
        limit = now + 30_000_000
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))

    await arena.open()
    await fails(arena, harm, "memory", "was killed", "ended with code")


@scenario()
async def training_out_of_time(arena: Arena) -> None:
    """A training stands still, and is ended when its time is over"""

    async def harm(pid: int) -> None:
        kill(pid, signal.SIGSTOP)

    await arena.open(TRAIN_MINUTES=0.1)
    await fails(arena, harm, "TRAIN_MINUTES")


@scenario()
async def training_refused(arena: Arena) -> None:
    """Validation refuses what was collected"""

    async def harm(_: int) -> None:
        pass

    for file in (arena.store / "raw" / "sales").rglob("*.zst"):
        file.write_bytes(b"no sales at all")
    await arena.open()
    await fails(arena, harm, "valid", "sales", "rows")
