"""A training carried out by a process of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable

import msgspec
import structlog

from bot.confinement import environment_of_children
from pipeline.birth import Message, Order, Progress, Result

log = structlog.get_logger()
_MAX_LINE = 1 << 20


async def give_birth(order: Order, tell: Callable[[Progress], None]) -> Result:
    """Train in a child process; cancelling ends the child. Never raises for a failure of the training."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pipeline.birth",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_MAX_LINE,
        env=environment_of_children(),
        start_new_session=True,  # Ctrl-C is for the bot, which ends its child itself
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    result: Result | None = None
    errors = asyncio.ensure_future(child.stderr.read())
    try:
        child.stdin.write(msgspec.json.encode(order))
        child.stdin.close()
        async for line in child.stdout:
            message = msgspec.json.decode(line, type=Message)
            if isinstance(message, Result):
                result = message
            else:
                tell(message)
        code = await child.wait()
        if result is None:
            log.error(
                "the training process failed",
                code=code,
                stderr=(await errors).decode(errors="replace")[-4000:],
            )
            cause = "was killed" if code < 0 else f"ended with code {code}"
            result = Result(error=f"the training process {cause}; the log has its last words")
        return result
    except (msgspec.MsgspecError, ValueError):  # no message, or no end of a line
        log.exception("the training process said what is no message")
        return Result(error="the training process said what is no message; the log has it")
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # its workers too
            await child.wait()
        errors.cancel()
