"""Small things to remember from one life of the process to the next, as JSON by key."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select

from bot.db import Database
from bot.db.process import WatcherStateRow


class State:
    """A table of keys; a key is 1 to 100 characters and named by the room that uses it (`discord.tree`)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, key: str) -> Any:
        """What was put under the key, as JSON gives it back; None if nothing was."""
        async with self._db.reading() as session:
            text = await session.scalar(select(WatcherStateRow.value).where(WatcherStateRow.key == key))
        return None if text is None else msgspec.json.decode(text)

    async def put(self, key: str, value: object) -> None:
        """Remember a value that JSON can hold, in place of a former one."""
        row = {"key": key, "value": msgspec.json.encode(value).decode()}
        async with self._db.session() as session:
            await session.execute(self._db.upsert(WatcherStateRow, "key", "value"), [row])
