"""A real database for every test, at the newest schema."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.db import Database
from pipeline.clock import ManualClock
from tests.bot.factories import NOON


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)
