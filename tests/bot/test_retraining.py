"""Trainings in a process of their own: asked for, refused, ended early, and failing with a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bot.db import Database
from bot.errors import AlreadyRunning, NotFound
from bot.services.audit import Audit
from bot.services.births import give_birth
from bot.services.predictor import Predictor
from bot.services.retraining import Retraining
from bot.services.runs import Runs
from pipeline.birth import Order, Progress, Result
from tests.bot.factories import NOON


def barren(folder: Path) -> Order:
    """A training that fails at once: nothing was collected."""
    return Order(store=f"file:{folder}", key="a key of sixteen+", now=NOON)


def order(folder: Path) -> Order:
    """A training that has a while to go before it fails: of all that was collected nothing can be read."""
    file = folder / f"raw/sales/dt={NOON:%Y-%m-%d}/broken.jsonl.zst"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"no such format")
    return barren(folder)


def retraining(db: Database, folder: Path, made: Callable[[Path], Order] = order) -> Retraining:
    champion = cast(Predictor, SimpleNamespace(card=None))
    return Retraining(Runs(db), champion, Audit(db), lambda: made(folder))


async def test_with_nothing_collected_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    seen: list[Progress] = []
    result = await give_birth(barren(tmp_path), seen.append)
    assert result.version is None
    assert result.error is not None
    assert result.error.endswith("collect some first (`axieflip collect`)")
    assert seen


async def test_where_all_that_was_collected_is_unreadable_the_report_says_so(tmp_path: Path) -> None:
    result = await give_birth(order(tmp_path), lambda _: None)
    assert result.version is None
    assert result.error is not None
    assert "there are no sales to learn from" in result.error
    [kept] = (tmp_path / "reports").rglob("*.html")
    assert kept.as_uri() in result.error
    assert "broken.jsonl.zst" in kept.read_text()


async def test_a_failed_run_is_on_record_with_its_reason(db: Database, tmp_path: Path) -> None:
    training = retraining(db, tmp_path, barren)
    begun = await training.start(7)
    ended = await training.wait(begun.id)
    assert (ended.state, ended.requested_by) == ("failed", 7)
    assert ended.error
    assert training.current is None


async def test_of_two_who_ask_at_once_one_is_refused(db: Database, tmp_path: Path) -> None:
    training = retraining(db, tmp_path)
    answers = await asyncio.gather(training.start(1), training.start(2), return_exceptions=True)
    assert [type(answer) for answer in answers].count(AlreadyRunning) == 1
    await training.stop()


async def test_the_schedule_begins_a_run_that_nobody_asked_for_and_leaves_one_under_way_alone(
    db: Database, tmp_path: Path
) -> None:
    training = retraining(db, tmp_path)
    await training.by_schedule()
    first = training.current
    assert first is not None
    assert first.requested_by is None
    await training.by_schedule()
    assert training.current == first
    await training.stop()


@pytest.mark.parametrize("promoted", [True, False])
async def test_a_promotion_is_in_the_log_of_who_asked_or_of_all(
    db: Database, tmp_path: Path, promoted: bool
) -> None:
    async def refresh() -> bool:
        return True

    async def birth(_order: Order, _tell: Callable[[Progress], None]) -> Result:
        return Result("v2", promoted, "it errs less")

    champion = cast(Predictor, SimpleNamespace(card={"version": "v1"}, refresh=refresh))
    training = Retraining(Runs(db), champion, Audit(db), lambda: order(tmp_path), birth=birth)
    await training.wait((await training.start(7, 5)).id)
    await training.by_schedule()
    while (run := training.current) is not None:
        await training.wait(run.id)
    told = [(each.guild_id, each.actor, each.action, each.subject) for each in await Audit(db).recent()]
    if not promoted:
        assert told == []
        return
    assert told == [(None, None, "model promoted", "v2"), (5, 7, "model promoted", "v2")]
    assert [each.guild_id for each in await Audit(db).recent(6)] == [None]
    assert {(each.before, each.after) for each in await Audit(db).recent()} == {("v1", "v2")}


async def test_a_run_that_takes_too_long_is_ended_and_says_what_allows_more(
    db: Database, tmp_path: Path
) -> None:
    training = Retraining(
        Runs(db),
        cast(Predictor, SimpleNamespace(card=None)),
        Audit(db),
        lambda: order(tmp_path),
        timedelta(seconds=0.05),
    )
    begun = await training.start(7)
    ended = await training.wait(begun.id)
    assert ended.state == "failed"
    assert "TRAIN_MINUTES" in str(ended.error)


async def test_a_run_that_is_stopped_leaves_no_process_and_is_on_record(db: Database, tmp_path: Path) -> None:
    training = retraining(db, tmp_path)
    run = await training.start(1)
    await training.stop()
    assert (await Runs(db).get(run.id)).state == "interrupted"
    assert training.current is None


async def test_a_run_that_is_cancelled_leaves_no_process_and_says_by_whom(
    db: Database, tmp_path: Path
) -> None:
    training = retraining(db, tmp_path)
    run = await training.start(1)
    with pytest.raises(NotFound, match="not under way"):
        await training.cancel(run.id + 1, "Ada")
    await training.cancel(run.id, "Ada")
    ended = await Runs(db).get(run.id)
    assert (ended.state, ended.error) == ("cancelled", "Ada cancelled it")
    assert training.current is None
    with pytest.raises(NotFound, match="not under way"):
        await training.cancel(run.id, "Ada")
    await training.start(2)
    await training.stop()
    assert (await Runs(db).latest(1))[0].state == "interrupted"


def test_the_signing_key_is_not_in_the_order_s_repr(tmp_path: Path) -> None:
    assert "sixteen" not in repr(order(tmp_path))


async def test_a_training_process_that_is_killed_gives_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawned: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def remember(*args: str, **options: object) -> asyncio.subprocess.Process:
        process = await create(*args, **options)  # type: ignore[arg-type]
        spawned.append(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", remember)
    result = await give_birth(order(tmp_path), lambda _: spawned[0].kill())
    assert result.error is not None
    assert "was killed" in result.error


@pytest.mark.parametrize("said", ["print('hello')", "print('x' * 3_000_000)"])
async def test_a_training_process_that_says_what_is_no_message_gives_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    create = asyncio.create_subprocess_exec

    async def other(program: str, *_: str, **options: object) -> asyncio.subprocess.Process:
        return await create(program, "-c", said, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", other)
    result = await give_birth(order(tmp_path), lambda _: None)
    assert result.error is not None
    assert "no message" in result.error


async def test_whoever_asked_may_go_without_blocking_the_next(db: Database, tmp_path: Path) -> None:
    training = retraining(db, tmp_path)
    asking = asyncio.ensure_future(training.start(1))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await training.stop()
    assert training.current is None
    begun = await training.start(2)
    assert begun.requested_by == 2
    await training.stop()
