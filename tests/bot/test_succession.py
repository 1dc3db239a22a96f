"""A running bot takes on the champion that another process made, within half a minute and as it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.db import Database
from bot.services.audit import Audit
from bot.services.predictor import Predictor
from bot.services.succession import Succession
from bot.supervisor import Supervisor
from models import ensemble
from models.members import MEMBERS
from models.registry import Registry
from pipeline.clock import ManualClock
from pipeline.objects import LocalStore
from tests.bot.factories import NOON
from tests.pipeline.appraisal.history import events, table
from tests.state.test_contenders import trainers
from tests.state.trainer import KEY
from tests.trainings import train

WITHIN_S = 30.0


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A champion and a version that waits, in a store of this test's folder."""
    monkeypatch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
    registry = Registry(LocalStore(tmp_path), KEY)
    first, second = (train(table(events(rows)), registry).card.version for rows in (1200, 1201))
    assert registry.champion() == first
    return first, second


async def test_a_champion_promoted_by_another_process_serves_after_the_next_look(
    tmp_path: Path, versions: tuple[str, str], db: Database
) -> None:
    pauses, over, new = asyncio.Queue[float](), asyncio.Semaphore(0), list[str | None]()

    async def sleep(seconds: float) -> None:
        pauses.put_nowait(seconds)
        await over.acquire()

    predictor = Predictor(Registry(LocalStore(tmp_path), KEY), ManualClock(NOON), gas_ron=0.007)
    supervisor = Supervisor(sleep=sleep)
    supervisor.add("champion", Succession(predictor, Audit(db), lambda: new.append(predictor.version)).turn)
    supervisor.start()
    try:
        assert await pauses.get() <= WITHIN_S * 2 / 3  # the rest is for loading it
        before = predictor.appraiser
        assert new == [versions[0]]
        with trainers(1, f"file:{tmp_path}") as [elsewhere]:
            for step in ("judge", "promote"):
                assert await asyncio.to_thread(elsewhere.does, step, versions[1]) == "done"
        assert predictor.version == versions[0]
        over.release()
        await pauses.get()
        assert new == [*versions]
        assert predictor.version == versions[1]
        assert predictor.appraiser is not before
        (entry,) = await Audit(db).recent()
        assert (entry.action, entry.actor, entry.guild_id) == ("model taken on", None, None)
        assert (entry.before, entry.after) == versions
    finally:
        await supervisor.stop()


async def test_what_a_training_promotes_is_noted_by_the_training_alone(
    tmp_path: Path, versions: tuple[str, str], db: Database
) -> None:
    predictor, audit = (
        Predictor(Registry(LocalStore(tmp_path), KEY), ManualClock(NOON), gas_ron=0.007),
        Audit(db),
    )
    under_way = True
    succession = Succession(predictor, audit, lambda: None, lambda: under_way)
    await succession.turn()
    Registry(LocalStore(tmp_path), KEY).promote(versions[1])
    await succession.turn()
    assert predictor.version == versions[1]
    assert await audit.recent() == []
    await audit.write(
        "model promoted", versions[1], guild_id=5, actor=7, before=versions[0], after=versions[1]
    )
    under_way = False
    await succession.turn()
    assert [entry.action for entry in await audit.recent()] == ["model promoted"]
    Registry(LocalStore(tmp_path), KEY).promote(versions[0])
    await succession.turn()
    assert [entry.action for entry in await audit.recent()] == ["model taken on", "model promoted"]


async def test_a_change_that_the_database_could_not_take_is_noted_with_the_next_look(
    tmp_path: Path, versions: tuple[str, str], db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(db)
    succession = Succession(
        Predictor(Registry(LocalStore(tmp_path), KEY), ManualClock(NOON), gas_ron=0.007), audit, lambda: None
    )
    await succession.turn()
    Registry(LocalStore(tmp_path), KEY).promote(versions[1])
    with monkeypatch.context() as patch:
        patch.setattr(audit, "write", None)
        with pytest.raises(TypeError):
            await succession.turn()
    await succession.turn()
    assert [(entry.before, entry.after) for entry in await audit.recent()] == [versions]


async def test_before_the_first_champion_it_looks_again_and_nothing_failed(
    tmp_path: Path, db: Database
) -> None:
    predictor = Predictor(Registry(LocalStore(tmp_path), KEY), ManualClock(NOON), gas_ron=0.007)
    assert await Succession(predictor, Audit(db), pytest.fail).turn() <= WITHIN_S
    assert predictor.version is None
    assert await Audit(db).recent() == []
