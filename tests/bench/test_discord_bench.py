"""The benchmark's database is one that the bot reads, and its plain ways find what ours find."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import text

from bench.crowd import BIG, NOW, Crowd
from bench.discord import PLAIN, WITH_PICTURE, prepare, questions, services_of
from bot.db import Database
from bot.services.history import History, Wanted
from bot.services.workers import Workers
from pipeline.clock import ManualClock

SMALL = Crowd(predictions=2_000, alerts=100, guilds=5, watches=50, sales_days=1)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("crowd") / "crowd.db"
    prepare(file, SMALL, Console(quiet=True))
    return file


async def test_every_question_is_answered_by_the_bots_own_code(crowd: Path) -> None:
    async with Database.open(f"sqlite+aiosqlite:///{crowd}") as db:
        with closing(Workers()) as workers:
            for ask in questions(services_of(db, workers)).values():
                await ask()
        async with db.reading() as session:
            for statement in PLAIN.values():
                await session.execute(text(statement))


async def test_a_picture_that_is_not_drawn_is_not_counted(
    crowd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("nothing is drawn")

    monkeypatch.setattr(Workers, "run", fails)
    async with Database.open(f"sqlite+aiosqlite:///{crowd}") as db:
        asked = questions(services_of(db, Workers()))
        drawn = [name for name in asked if name.endswith(WITH_PICTURE)]
        assert len(drawn) == 2
        for name in drawn:
            with pytest.raises(RuntimeError, match="nothing is drawn"):
                await asked[name]()


async def test_the_large_server_has_a_fifth_of_the_alerts_and_pages_of_rows(crowd: Path) -> None:
    async with Database.open(f"sqlite+aiosqlite:///{crowd}") as db:
        history = History(db, ManualClock(NOW))
        signals = await history.table(Wanted(BIG, days=30, signals=True))
        assert 20 <= len(signals) <= 60
        rows = await history.table(Wanted(BIG, days=30))
        assert len(rows) == SMALL.predictions
        page = await history.page(Wanted(BIG, days=30))
        assert len(page.rows) == 10
