"""A simulated world as a child process: it announces itself with one line of JSON and ends with us."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

START_WITHIN_S = 60.0
STOP_WITHIN_S = 15.0


@asynccontextmanager
async def child(module: str, arguments: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    """Run `python -m module` for the length of the block; yields what it announced.

    The child must print one JSON object when it is ready and end when its standard input does, so that
    it never outlives this process. Raises RuntimeError if it ends or stays silent instead.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "--exit-with-parent", *arguments, stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_WITHIN_S)
        if not line:
            raise RuntimeError(f"{module} ended with status {await process.wait()} before it was ready")
        announced: dict[str, Any] = json.loads(line)
        announced["pid"] = process.pid
        yield announced
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()
