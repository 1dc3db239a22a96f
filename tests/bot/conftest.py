"""A real SQLite file for every test, copied from one that was migrated once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.db import Database, upgrade
from pipeline.clock import ManualClock
from tests.bot.factories import NOON


def sqlite_url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "axieflip.db"
    asyncio.run(upgrade(sqlite_url(file)))
    return file


@pytest.fixture
def database_url(migrated: Path, tmp_path: Path) -> str:
    return sqlite_url(Path(shutil.copy(migrated, tmp_path / "axieflip.db")))


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)
