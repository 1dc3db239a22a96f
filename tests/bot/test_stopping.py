"""SIGTERM ends a command's work in order, also where no default would."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bot.stopping import Terminated, terminable


async def test_sigterm_cancels_the_work_and_is_told() -> None:
    left: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            left.append("in order")

    with pytest.raises(Terminated):
        await terminable(work())
    assert left == ["in order"]


async def test_work_that_is_done_gives_its_result_and_leaves_the_signal_as_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def work() -> int:
        return 3

    assert await terminable(work()) == 3
    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_cancellation_of_another_kind_stays_one() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await terminable(work())
