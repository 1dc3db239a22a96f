"""The machine's clock is set while the bot works; what measures durations goes on, as it would."""

from __future__ import annotations

import asyncio
import shutil
import struct
from pathlib import Path

from tests.range.arena import Arena
from tests.range.register import scenario

SOURCE = Path(__file__).parents[1] / "clock.c"


def no_compiler() -> str | None:
    """Why these scenarios cannot be played here, if so."""
    return None if shutil.which("cc") else "there is no C compiler for tests/range/clock.c"


async def compiled(folder: Path) -> Path:
    """The library that sets the clock of the process that it is preloaded into."""
    library = folder / "clock.so"
    line = ("cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl")
    made = await asyncio.create_subprocess_exec(*line)
    assert await made.wait() == 0
    return library


async def jumps(arena: Arena, *offsets: int) -> None:
    """A bot at work whose clock is set again and again, with alerts under way each time."""
    clock = arena.folder / "clock"
    clock.write_bytes(struct.pack("q", 0))
    arena.settings |= {"LD_PRELOAD": await compiled(arena.folder), "RANGE_CLOCK": clock}
    await arena.open()
    fault = {"kind": "status", "status": 503, "method": "POST", "path": "/channels/*", "times": 2}
    for offset in offsets:
        await arena.discord.post("faults", fault)
        await arena.bargain(2)
        await arena.pause(1)
        with clock.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("q", offset))
        await arena.bargain(2)
        await arena.settle()


@scenario(seconds=240, missing=no_compiler)
async def clock_jumps_ahead(arena: Arena) -> None:
    """The clock jumps an hour ahead, then a day, and back to the truth"""
    await jumps(arena, 3_600, 86_400, 0)


@scenario(seconds=240, missing=no_compiler)
async def clock_jumps_back(arena: Arena) -> None:
    """The clock jumps an hour back, then a day, and ahead to the truth"""
    await jumps(arena, -3_600, -86_400, 0)
