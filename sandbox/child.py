"""A simulated world as a child process: both ends of the agreement between it and who started it.

The child announces itself with one line of JSON when it is ready, or says in it why it cannot be, and ends
when its standard input does, so that it never outlives its parent.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

START_WITHIN_S = 60.0
STOP_WITHIN_S = 15.0
LONGEST_LINE = 16 << 20  # bytes: a world of 10,000 channels announces each of them


class StartError(Exception):
    """A child did not come to be ready; a sentence that says why, as far as it knows."""


@asynccontextmanager
async def child(module: str, arguments: Sequence[str]) -> AsyncIterator[dict[str, Any]]:
    """Run `python -m module` for the length of the block; yields what it announced, and its `pid`.

    It has a session of its own: Ctrl-C in the terminal reaches the parent alone, which then ends it.
    Raises StartError if it ends or stays silent instead of announcing itself.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        "--exit-with-parent",
        *arguments,
        stdin=pipe,
        stdout=pipe,
        start_new_session=True,
        limit=LONGEST_LINE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), START_WITHIN_S)
        except TimeoutError:
            raise StartError(f"{module} was not ready within {START_WITHIN_S:.0f} seconds") from None
        if not line:
            raise StartError(f"{module} ended with status {await process.wait()} before it was ready")
        announced: dict[str, Any] = json.loads(line)
        if "error" in announced:
            raise StartError(announced["error"])
        announced["pid"] = process.pid
        yield announced
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def announce(**told: Any) -> None:
    """The child's first line: where it is, or `error` with the reason why it cannot start."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def told_to_end(*, with_parent: bool) -> asyncio.Event:
    """The child's end of it: an event that is set by SIGTERM, and by the parent's end or else by Ctrl-C.

    Must be called in the running loop. With `with_parent`, standard input is the pipe from the parent.
    """
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    atexit.register(gc.freeze)  # whatever is left by then goes with the process: no look for garbage in it

    def at_input() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            over.set()

    loop.add_signal_handler(signal.SIGTERM, over.set)
    if with_parent:
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        loop.add_reader(0, at_input)
    else:
        loop.add_signal_handler(signal.SIGINT, over.set)
    return over
