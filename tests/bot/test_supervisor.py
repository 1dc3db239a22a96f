from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import structlog

from bot.supervisor import Supervisor, TaskStatus
from tests.bot.factories import NOON


class Time:
    """A wristwatch set by hand: a sleep ends when the watch has gone on far enough."""

    def __init__(self) -> None:
        self.at = NOON
        self.sleeps: list[float] = []
        self._moved = asyncio.Condition()

    def now(self) -> object:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        until = self.at + timedelta(seconds=seconds)
        async with self._moved:
            self._moved.notify_all()
            await self._moved.wait_for(lambda: self.at >= until)

    async def forward(self, seconds: float) -> None:
        async with self._moved:
            self.at += timedelta(seconds=seconds)
            self._moved.notify_all()

    async def slept(self, times: int) -> None:
        """Return once so many sleeps have begun in all."""
        async with asyncio.timeout(5), self._moved:
            await self._moved.wait_for(lambda: len(self.sleeps) >= times)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def supervisor(time: Time) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(sleep=time.sleep, now=time.now)  # type: ignore[arg-type]
    yield supervisor
    await supervisor.stop(5)


def status(supervisor: Supervisor, name: str = "job") -> TaskStatus:
    return next(each for each in supervisor.statuses() if each.name == name)


async def test_a_job_runs_again_after_the_seconds_that_it_asked_for(
    supervisor: Supervisor, time: Time
) -> None:
    turns = []

    async def job() -> float:
        turns.append(time.at)
        return 30.0

    supervisor.add("job", job)
    assert status(supervisor).state == "waiting"
    supervisor.start()
    await time.slept(1)
    assert status(supervisor) == TaskStatus(
        "job", "waiting", NOON, None, None, NOON + timedelta(seconds=30), 0, 1
    )
    await time.forward(29)
    assert len(turns) == 1
    await time.forward(1)
    await time.slept(2)
    assert turns == [NOON, NOON + timedelta(seconds=30)]


async def test_a_job_that_asks_for_no_pause_runs_on_without_starving_others(supervisor: Supervisor) -> None:
    reached = asyncio.Event()
    turns = 0

    async def job() -> None:
        nonlocal turns
        turns += 1
        if turns == 100:
            reached.set()

    supervisor.add("job", job)
    supervisor.start()
    await asyncio.wait_for(reached.wait(), 5)


async def test_a_failing_job_backs_off_up_to_a_minute_and_recovers(
    supervisor: Supervisor, time: Time
) -> None:
    broken = True

    async def job() -> float:
        if broken:
            raise ConnectionError("the market is down")
        return 5.0

    supervisor.add("job", job)
    with structlog.testing.capture_logs() as logs:
        supervisor.start()
        for turn in range(1, 13):
            await time.slept(turn)
            assert status(supervisor).failures == turn
            assert 1.0 <= time.sleeps[-1] <= min(2.0**turn, 60.0)
            await time.forward(60)
    assert max(time.sleeps) > 10
    assert [entry["task"] for entry in logs] == ["job"] * len(logs)
    failing = status(supervisor)
    assert (failing.state, failing.last_success) == ("backing off", None)
    assert failing.last_error == "ConnectionError: the market is down"
    await time.slept(13)
    broken = False
    await time.forward(60)
    await time.slept(14)
    recovered = status(supervisor)
    assert (recovered.state, recovered.failures, recovered.last_success) == ("waiting", 0, time.at)
    assert recovered.last_error is not None


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        asyncio.CancelledError(),
        TimeoutError("slow"),
        BaseExceptionGroup("", [Exception()]),
        StopIteration(),
    ],
)
async def test_nothing_that_a_job_raises_ends_its_task(
    supervisor: Supervisor, time: Time, error: BaseException
) -> None:
    async def job() -> None:
        raise error

    supervisor.add("job", job)
    supervisor.start()
    await time.slept(1)
    await time.forward(60)
    await time.slept(2)
    assert (status(supervisor).state, status(supervisor).runs) == ("backing off", 2)


async def test_one_failing_task_does_not_disturb_another(supervisor: Supervisor, time: Time) -> None:
    async def broken() -> None:
        raise RuntimeError("broken")

    async def sound() -> float:
        return 5.0

    supervisor.add("broken", broken)
    supervisor.add("sound", sound)
    supervisor.start()
    await time.slept(2)
    assert [each.state for each in supervisor.statuses()] == ["backing off", "waiting"]


async def test_a_trigger_wakes_a_waiting_task_at_once(supervisor: Supervisor, time: Time) -> None:
    async def job() -> float:
        return 3600.0

    supervisor.add("job", job)
    supervisor.start()
    await time.slept(1)
    supervisor.trigger("job")
    await time.slept(2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert (status(supervisor).runs, time.at) == (2, NOON)


async def test_a_trigger_while_the_job_runs_gives_it_another_turn(supervisor: Supervisor, time: Time) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def job() -> float:
        begun.set()
        await go_on.wait()
        return 3600.0

    supervisor.add("job", job)
    supervisor.start()
    await begun.wait()
    assert status(supervisor).state == "running"
    supervisor.trigger("job")
    go_on.set()
    await time.slept(2)
    assert status(supervisor).runs == 2


async def test_an_unknown_name_cannot_be_triggered(supervisor: Supervisor) -> None:
    with pytest.raises(KeyError, match="nothing"):
        supervisor.trigger("nothing")


async def test_a_task_added_after_the_start_runs(supervisor: Supervisor) -> None:
    ran = asyncio.Event()

    async def job() -> float:
        ran.set()
        return 1.0

    supervisor.start()
    supervisor.add("job", job)
    await asyncio.wait_for(ran.wait(), 5)


async def test_a_job_of_the_same_name_replaces_the_former_after_its_end(supervisor: Supervisor) -> None:
    order: list[str] = []
    begun, replaced = asyncio.Event(), asyncio.Event()

    async def former() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            order.append("former ended")

    async def latter() -> float:
        order.append("latter began")
        replaced.set()
        return 60.0

    supervisor.add("job", former)
    supervisor.start()
    await begun.wait()
    supervisor.add("job", latter)
    await asyncio.wait_for(replaced.wait(), 5)
    assert order == ["former ended", "latter began"]
    assert len(supervisor.statuses()) == 1


async def test_stopping_ends_every_task_whatever_it_is_doing(supervisor: Supervisor, time: Time) -> None:
    begun = asyncio.Event()

    async def waits() -> float:
        return 60.0

    async def runs() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def fails() -> None:
        raise RuntimeError("broken")

    for name, job in {"waits": waits, "runs": runs, "fails": fails}.items():
        supervisor.add(name, job)
    supervisor.start()
    await begun.wait()
    await time.slept(2)
    await supervisor.stop(5)
    assert {each.state for each in supervisor.statuses()} == {"stopped"}
    assert status(supervisor, "runs").last_error is None
    await supervisor.stop(5)


async def test_a_job_that_swallows_its_cancellation_is_stopped_all_the_same(supervisor: Supervisor) -> None:
    begun = asyncio.Event()

    async def job() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    supervisor.add("job", job)
    supervisor.start()
    await begun.wait()
    await supervisor.stop(5)
    assert (status(supervisor).state, status(supervisor).runs) == ("stopped", 1)


async def test_stopping_does_not_wait_for_ever_and_names_who_stays() -> None:
    supervisor = Supervisor()
    begun, release = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        begun.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    supervisor.add("stubborn", stubborn)
    supervisor.start()
    await begun.wait()
    with structlog.testing.capture_logs() as logs:
        await supervisor.stop(0.01)
    assert [(entry["event"], entry["task"]) for entry in logs] == [("task does not end", "stubborn")]
    release.set()
    await supervisor.stop(5)
    assert status(supervisor, "stubborn").state == "stopped"


async def test_the_same_failure_again_is_a_count_and_another_is_told_in_full(
    supervisor: Supervisor, time: Time
) -> None:
    errors = iter([KeyError("a"), KeyError("a"), KeyError("b")])

    async def job() -> None:
        raise next(errors)

    with structlog.testing.capture_logs() as lines:
        supervisor.add("job", job)
        supervisor.start()
        for turn in (1, 2, 3):
            await time.slept(turn)
            await time.forward(60)
        await supervisor.stop(5)
    told = [line for line in lines if line["event"] == "task failed"][:3]
    assert [line["failures"] for line in told] == [1, 2, 3]
    assert ["exc_info" in line for line in told] == [True, False, True]
    assert told[1]["error"] == "KeyError: 'a'"
