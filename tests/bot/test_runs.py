from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bot.db import Database
from bot.db.process import ModelVersionRow, TrainingRunRow
from bot.errors import NotFound
from bot.services.runs import Run, Runs, seconds_left
from tests.bot.factories import NOON


@pytest.fixture
def runs(db: Database) -> Runs:
    return Runs(db)


async def test_a_run_is_on_record_from_its_begin_to_its_end(db: Database, runs: Runs) -> None:
    id_ = await runs.begin(2**62)
    begun = await runs.get(id_)
    assert (begun.state, begun.requested_by, begun.fraction, begun.finished_at) == (
        "running",
        2**62,
        0.0,
        None,
    )
    await runs.progress(id_, "cross-validation", 0.4)
    await runs.progress(id_, "fitting", 1.7)
    assert ((await runs.get(id_)).stage, (await runs.get(id_)).fraction) == ("fitting", 1.0)
    await runs.finish(id_, "done", version="v1", report={"median_ape": 0.12, "members": {"forest": 0.5}})
    done = await runs.get(id_)
    assert (done.state, done.version, done.fraction) == ("done", "v1", 1.0)
    assert done.report == {"median_ape": 0.12, "members": {"forest": 0.5}}
    assert done.finished_at is not None
    assert done.finished_at >= done.started_at
    async with db.reading() as session:
        [version] = await session.scalars(select(ModelVersionRow))
        assert (version.version, version.run_id) == ("v1", id_)


async def test_a_run_that_has_ended_stays_as_it_ended(runs: Runs) -> None:
    id_ = await runs.begin(None)
    await runs.finish(id_, "failed", error="too few sales")
    await runs.progress(id_, "late word", 0.9)
    await runs.finish(id_, "done", version="v1")
    run = await runs.get(id_)
    assert (run.state, run.error, run.stage, run.version) == ("failed", "too few sales", "starting", None)


async def test_runs_that_a_killed_process_left_are_interrupted_at_the_next_start(runs: Runs) -> None:
    ended, left = await runs.begin(1), await runs.begin(2)
    await runs.finish(ended, "cancelled")
    assert await runs.interrupted() == 1
    assert await runs.interrupted() == 0
    assert [(run.id, run.state) for run in await runs.latest(5)] == [
        (left, "interrupted"),
        (ended, "cancelled"),
    ]


async def test_the_latest_run_comes_first(runs: Runs) -> None:
    ids = [await runs.begin(None) for _ in range(3)]
    assert [run.id for run in await runs.latest(2)] == ids[:0:-1]


async def test_a_run_that_does_not_exist_is_said_so(runs: Runs) -> None:
    with pytest.raises(NotFound, match="no training run 9"):
        await runs.get(9)


async def test_a_run_is_followed_by_its_message_until_that_has_told_the_end(runs: Runs) -> None:
    first, second = await runs.begin(1), await runs.begin(2)
    await runs.follow(first, 10, 11)
    await runs.follow(second, 10, 12)
    await runs.interrupted()
    assert [(run.id, run.channel_id, run.message_id, run.state) for run in await runs.followed()] == [
        (first, 10, 11, "interrupted"),
        (second, 10, 12, "interrupted"),
    ]
    await runs.told(first)
    assert [run.id for run in await runs.followed()] == [second]


async def test_the_last_run_that_came_to_a_model_tells_how_long_one_takes(db: Database, runs: Runs) -> None:
    assert await runs.usual_s() is None
    id_ = await runs.begin(1)
    await runs.finish(id_, "done", version="v1")
    failed = await runs.begin(1)
    await runs.finish(failed, "failed")
    begun = (await runs.get(id_)).finished_at - timedelta(seconds=90)  # type: ignore[operator]
    async with db.session() as session:
        await session.execute(update(TrainingRunRow).where(TrainingRunRow.id == id_).values(started_at=begun))
    assert await runs.usual_s() == pytest.approx(90)


def run(fraction: float) -> Run:
    return Run(1, None, "running", "fitting", fraction, None, None, None, NOON, None)


@pytest.mark.parametrize(
    ("fraction", "elapsed", "usual", "left"),
    [
        (0.0, 1, None, None),
        (0.05, 10, None, None),  # too early to go by its own pace
        (0.5, 60, None, 60),
        (0.0, 0, 120, 120),
        (0.5, 60, 120, 60),
        (0.9, 180, 120, 18.6),  # slower than the last: its own pace tells more and more
        (1.0, 60, 120, 0),
    ],
)
def test_the_time_left_goes_by_the_last_run_at_first_and_by_its_own_pace_later(
    fraction: float, elapsed: float, usual: float | None, left: float | None
) -> None:
    found = seconds_left(run(fraction), NOON + timedelta(seconds=elapsed), usual)
    assert found == (None if left is None else pytest.approx(left))
