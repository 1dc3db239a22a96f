"""Trainings in several processes meet in the registry: one of them wins, and the others know."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from models import ensemble
from models.members import MEMBERS
from models.registry import NoSuchVersion, Registry
from pipeline.objects import open_store
from tests.pipeline.appraisal.history import events, table
from tests.state.conftest import BUCKET
from tests.state.trainer import KEY
from tests.trainings import train

ROUNDS = 12


class Trainer:
    """A process of `tests.state.trainer`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def tell(self, what: str, version: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, version]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> object:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def does(self, what: str, version: str = "") -> object:
        self.tell(what, version)
        return self.answer()


@contextmanager
def trainers(count: int, store: str, endpoint: str = "") -> Iterator[list[Trainer]]:
    command = [sys.executable, "-m", "tests.state.trainer", store, endpoint]
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            found.append(Trainer(process))
        assert [each.answer() for each in found] == ["ready"] * count
        yield found


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    if request.param == "folder":
        return f"file:{tmp_path / 'store'}", ""
    return f"s3://{BUCKET}/{tmp_path.name}", request.getfixturevalue("aws")


def test_of_two_that_judged_the_same_champion_only_the_first_promotes(place: tuple[str, str]) -> None:
    registry = Registry(open_store(place[0], place[1] or None), KEY)
    with trainers(2, *place) as (one, other):
        for champion in (None, "v1"):  # there is none yet, and there is one
            names = ("v1", "v2") if champion is None else ("v3", "v4")
            for trainer, name in zip((one, other), names, strict=True):
                assert trainer.does("judge") == "done"
                assert trainer.does("save", name) == "done"
            assert one.does("promote", names[0]) == "done"
            assert other.does("promote", names[1]) == "taken"
            assert registry.champion() == names[0]
            assert registry.former() == ([] if champion is None else [champion])
        assert other.does("judge") == "done"
        assert other.does("promote", "v4") == "done"  # having judged anew
        assert (registry.champion(), registry.former()) == ("v4", ["v1", "v3"])


def test_of_two_that_store_the_same_name_one_gets_it(place: tuple[str, str]) -> None:
    with trainers(2, *place) as (one, other):
        assert one.does("save", "v1") == "done"
        assert other.does("save", "v1") == "taken"
    registry = Registry(open_store(place[0], place[1] or None), KEY)
    assert registry.load("v1")[1] == {"by": one.process.pid}


def test_in_a_folder_two_that_promote_at_the_same_moment_never_both_succeed(tmp_path: Path) -> None:
    store = f"file:{tmp_path / 'store'}"
    registry, history = Registry(open_store(store), KEY), list[str]()
    with trainers(2, store) as both:
        for number in range(ROUNDS):
            names = [f"{number}-{each}" for each in "ab"]
            for trainer, name in zip(both, names, strict=True):
                trainer.does("save", name)
                trainer.does("judge")
            for trainer, name in zip(both, names, strict=True):
                trainer.tell("promote", name)
            answers = [trainer.answer() for trainer in both]
            assert sorted(map(str, answers)) == ["done", "taken"]
            winner = names[answers.index("done")]
            assert registry.champion() == winner
            assert registry.former() == history
            history.append(winner)


def test_a_version_whose_trainer_was_killed_while_it_stored_it_never_loads(tmp_path: Path) -> None:
    store, models = f"file:{tmp_path / 'store'}", tmp_path / "store" / "models"

    def unfinished() -> list[str]:
        folders = [path for path in models.glob("*") if path.is_dir()]
        return [path.name for path in folders if not (path / "signature").exists()]

    with trainers(1, store) as [trainer]:
        trainer.tell("save for ever", "v")
        deadline = time.monotonic() + 30
        while True:  # until it is caught in the act: stopped, with a version half-written
            assert time.monotonic() < deadline
            if unfinished():
                trainer.process.send_signal(signal.SIGSTOP)
                if any((models / name / "model.joblib").exists() for name in unfinished()):
                    break
                trainer.process.send_signal(signal.SIGCONT)
        trainer.process.kill()
        trainer.process.wait()
    registry = Registry(open_store(store), KEY)
    [half] = unfinished()
    assert half not in registry.versions()
    for refused in (registry.load, registry.promote):
        with pytest.raises(NoSuchVersion, match="incomplete"):
            refused(half)
    for version in registry.versions():
        assert registry.load(version)[1] == list(range(20_000))


def test_of_two_trainings_that_promote_at_the_same_moment_one_is_judged_anew(tmp_path: Path) -> None:
    store = f"file:{tmp_path / 'store'}"
    with trainers(2, store) as both:
        for trainer, rows in zip(both, (1200, 1210), strict=True):
            trainer.tell("train", str(rows))
        assert [trainer.answer() for trainer in both] == ["about to promote"] * 2
        for trainer in both:
            trainer.tell("go on")
        told = [cast(dict[str, Any], trainer.answer()) for trainer in both]
    [winner] = [each for each in told if each["promoted"]]
    [loser] = [each for each in told if not each["promoted"]]
    assert "sales are newer than what the champion has learnt from" in loser["reason"]
    registry = Registry(open_store(store), KEY)
    assert (registry.champion(), registry.former()) == (winner["version"], [])
    assert set(registry.versions()) == {winner["version"], loser["version"]}


def test_a_training_that_was_overtaken_is_held_against_the_new_champion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
    sales = table(events(1500))

    class Overtaken(Registry):
        """Another training of the same sales ends just before this one promotes."""

        other: str | None = None

        def promote(self, version: str, **options: str | None) -> None:
            if self.other is None:
                self.other = train(sales, Registry(store, KEY), seed=1).card.version
            super().promote(version, **options)

    store = open_store(f"file:{tmp_path / 'store'}")
    registry = Overtaken(store, KEY)
    outcome = train(sales, registry)
    assert not outcome.promoted
    assert "only 0 sales are newer than what the champion has learnt from" in outcome.reason
    assert registry.champion() == registry.other != outcome.card.version
