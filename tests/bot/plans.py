"""How the database means to run what a query function asks of it, without running it on millions of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from bot.db import Database


@contextmanager
def statements(db: Database) -> Iterator[list[tuple[str, Any]]]:
    """Collects every statement, with its values, that is sent to the database inside the block."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if not many:
            found.append((statement, values))

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)


async def plan(db: Database, statement: str, values: Any) -> list[str]:
    """The steps that SQLite would take."""
    async with db.engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [row[3] for row in rows]


def scans(steps: list[str]) -> list[str]:
    """The steps that read a whole table or a whole index."""
    return [step for step in steps if step.startswith("SCAN") and "CONSTANT ROW" not in step]


def sorts(steps: list[str]) -> list[str]:
    """The steps that put rows in order which no index holds in that order."""
    return [step for step in steps if step.startswith("USE TEMP B-TREE FOR ORDER BY")]
