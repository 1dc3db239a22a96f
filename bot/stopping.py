"""Ctrl-C and SIGTERM end a process by leaving its contexts in order: as an event, or as a cancellation."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_requested() -> Iterator[asyncio.Event]:
    """An event that the first of these signals sets. A second one acts as it always did."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()

    def stop() -> None:
        event.set()
        restore()

    def restore() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield event
    finally:
        restore()


class Terminated(Exception):
    """SIGTERM came before the work was done."""


async def terminable(work: Awaitable[T]) -> T:
    """Do the work; SIGTERM cancels it, so that it ends its children and closes what it holds.

    The first process of a container has no default for signals: without this it would not end at all.
    Raises Terminated.
    """
    task = asyncio.current_task()
    assert task is not None
    asked = False

    def stop() -> None:
        nonlocal asked
        asked = True
        task.cancel()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        return await work
    except asyncio.CancelledError:
        if asked:
            raise Terminated from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
