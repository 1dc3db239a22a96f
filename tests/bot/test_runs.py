from __future__ import annotations

import pytest
from sqlalchemy import select

from bot.db import Database
from bot.db.tables import ModelVersionRow
from bot.errors import NotFound
from bot.services.runs import Runs


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
