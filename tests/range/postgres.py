"""The bot's records in PostgreSQL, read from outside like those in a SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg

from tests.e2e.parts import Records

_AHEAD = ThreadPoolExecutor(4, thread_name_prefix="records")


class PostgresRecords(Records):
    """What is stored in the database at a URL of SQLAlchemy's; questions are those of `Records`."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+asyncpg", "")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The answer's rows. The loop of a scenario waits for it, as it does for a file."""
        return _AHEAD.submit(lambda: asyncio.run(self._ask(query, values))).result()

    async def _ask(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(self._url)
        try:
            return [tuple(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()
