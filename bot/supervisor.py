"""Keeps endless tasks alive: every one has a name, its last success and error, its next run, a back-off.

A job is one turn of such a task. Whatever it raises is logged, recorded and followed by a pause and
another turn; only `stop` ends a task.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Literal

import structlog
from msgspec import Struct

from bot.log import redact
from bot.outages import in_a_line
from bot.waiting import machine_time

Job = Callable[[], Awaitable[float | None]]
State = Literal["waiting", "running", "backing off", "stopped"]

BACK_OFF_FIRST_S = 1.0
BACK_OFF_MOST_S = 60.0
LONGEST_S = 366 * 86_400.0  # a job that asks for more is due in a year
LONGEST_ERROR = 300
log = structlog.get_logger(__name__)


class TaskStatus(Struct, frozen=True):
    """How a task fares. Times are the machine's; `failures` counts those since the last success.

    `restarts` counts all failures of the process's life: after each the task takes another turn.
    """

    name: str
    state: State
    last_success: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    next_run: datetime | None
    failures: int
    runs: int
    restarts: int = 0


class _Task:
    """What is known of one task, and the strong reference that keeps it from being collected."""

    def __init__(self, name: str, job: Job) -> None:
        self.name = name
        self.job = job
        self.wake = asyncio.Event()
        self.running: asyncio.Task[None] | None = None
        self.state: State = "waiting"
        self.last_success: datetime | None = None
        self.last_error: str | None = None
        self.last_error_at: datetime | None = None
        self.next_run: datetime | None = None
        self.failures = 0
        self.runs = 0
        self.restarts = 0

    def status(self) -> TaskStatus:
        return TaskStatus(
            self.name,
            self.state,
            self.last_success,
            self.last_error,
            self.last_error_at,
            self.next_run,
            self.failures,
            self.runs,
            self.restarts,
        )


class Supervisor:
    """Runs named tasks for as long as the process lives. `sleep` and `now` are real time."""

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = machine_time,
    ) -> None:
        self._sleep = sleep
        self._now = now
        self._tasks: dict[str, _Task] = {}
        self._started = False
        self._jitter = random.SystemRandom()

    def add(self, name: str, job: Job) -> None:
        """Register a task, before or after the start. `job` may return the seconds until its next turn.

        None or 0 means at once. A job added under a name that is taken replaces the former one, and
        begins when that has ended: a part that is built anew brings its own.
        """
        former = self._tasks.get(name)
        task = self._tasks[name] = _Task(name, job)
        if former is not None:
            task.restarts = former.restarts
        if self._started:
            self._launch(task, former)

    def start(self) -> None:
        """Let all registered tasks run."""
        self._started = True
        for task in self._tasks.values():
            if task.running is None:
                self._launch(task, None)

    async def stop(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - it names those that do not end
        """Cancel all tasks and wait for their end, at most so many seconds."""
        self._started = False
        running = [task.running for task in self._tasks.values() if task.running is not None]
        for each in running:
            each.cancel()
        if running:
            _, stuck = await asyncio.wait(running, timeout=timeout)
            for each in stuck:
                log.error("task does not end", task=each.get_name(), after_s=timeout)

    def statuses(self) -> list[TaskStatus]:
        """How every task fares, in the order in which they were added."""
        return [task.status() for task in self._tasks.values()]

    def trigger(self, name: str) -> None:
        """End a task's wait or back-off at once; one that is running takes its next turn without a pause.

        Raises KeyError for a name that was not added.
        """
        self._tasks[name].wake.set()

    def _launch(self, task: _Task, former: _Task | None) -> None:
        predecessor = former.running if former is not None else None
        if predecessor is not None:
            predecessor.cancel()
        task.running = asyncio.create_task(self._run(task, predecessor), name=task.name)
        task.running.add_done_callback(_report)

    async def _run(self, task: _Task, predecessor: asyncio.Task[None] | None) -> None:
        try:
            if predecessor is not None:
                await asyncio.wait([predecessor])
            while True:
                delay = await self._turn(task)
                if delay > 0:
                    await self._pause(task, delay)
                else:
                    await asyncio.sleep(0)  # a job that never waits must not starve the others
        finally:
            task.state, task.next_run = "stopped", None

    async def _turn(self, task: _Task) -> float:
        task.wake.clear()
        task.state, task.next_run = "running", None
        task.runs += 1
        try:
            delay = await task.job()
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            # A CancelledError that nobody sent to this task comes from something the job waited for.
            if isinstance(error, asyncio.CancelledError) and _cancelled():
                raise
            return self._failed(task, error)
        if _cancelled():  # the job swallowed it
            raise asyncio.CancelledError
        task.state, task.failures, task.last_success = "waiting", 0, self._now()
        return min(delay, LONGEST_S) if delay is not None and delay > 0 else 0.0

    def _failed(self, task: _Task, error: BaseException) -> float:
        task.failures += 1
        task.restarts += 1
        most = min(BACK_OFF_FIRST_S * 2 ** min(task.failures, 10), BACK_OFF_MOST_S)
        delay = self._jitter.uniform(BACK_OFF_FIRST_S, most)
        text = str(error).strip()
        told = redact(f"{type(error).__name__}: {text}" if text else type(error).__name__)[:LONGEST_ERROR]
        # Told in full once: the same again is a count.
        again = task.failures > 1 and told == task.last_error
        task.last_error, task.last_error_at = told, self._now()
        task.state = "backing off"
        log.error(
            "task failed",
            task=task.name,
            failures=task.failures,
            again_in_s=round(delay, 1),
            **({"error": in_a_line(error)} if again else {"exc_info": error}),
        )
        return delay

    async def _pause(self, task: _Task, delay: float) -> None:
        task.next_run = self._now() + timedelta(seconds=delay)
        waits = [asyncio.ensure_future(self._sleep(delay)), asyncio.ensure_future(task.wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("task ended", task=task.get_name(), exc_info=error)
