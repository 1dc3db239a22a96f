"""A process beside the bot for arithmetic that would hold up its loop or weigh down its start: charts.

The worker is started with its first task and kept; what a task imports is loaded there alone. A task is a
module's function with plain values in and out. A worker that dies takes its task with it, not the next.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_S = 60.0  # the first task waits for imports, on a machine that may be training a model


class Workers:
    """One worker process; tasks wait for their turn."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns over there; what it raises is raised here.

        Raises TimeoutError where it takes longer than anybody waits, and BrokenProcessPool where the
        worker was killed; the next task gets a new worker in both cases.
        """
        pool = self._pool = self._pool or _new_pool()
        try:
            async with asyncio.timeout(self._patience_s):
                with _unheard():
                    task = pool.submit(function, *args, **kwargs)
                return await asyncio.wrap_future(task)
        except (TimeoutError, BrokenProcessPool):
            if self._pool is pool:
                self.close()
            raise

    def close(self) -> None:
        """End the worker, whatever it does; `run` starts another."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        processes = list((pool._processes or {}).values())  # the pool itself would wait for a stuck task
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()


def _new_pool() -> ProcessPoolExecutor:
    # A fork would copy a loop's and a database's threads in whatever state they are.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_begin)


@contextmanager
def _unheard() -> Iterator[None]:
    """A worker that starts here hears no Ctrl-C, which a terminal sends to it too, until `_begin`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the bot, which ends its worker itself
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_the_bot, daemon=True).start()


def _end_with_the_bot() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)
