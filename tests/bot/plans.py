"""How the database means to run what a query function asks of it, without running it on millions of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from bot.db import Database


@contextmanager
def statements(db: Database) -> Iterator[list[tuple[str, Any]]]:
    """Collects every question and change, with its values, that is sent to the database inside the block."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if not many and not statement.startswith(("BEGIN", "SET ", "SELECT pg_advisory")):
            found.append((statement, values))

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)


async def plan(db: Database, statement: str, values: Any, *, sorting: bool = False) -> list[str]:
    """The steps that the database would take, in SQLite's words; with `sorting` it may put rows in order."""
    async with db.engine.connect() as connection:
        if db.engine.dialect.name == "sqlite":
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            return [row[3] for row in rows]
        # The server reads small tables in whole, indexes or not; told not to, it still does where it must.
        unwanted = ("seqscan", "mergejoin", "hashjoin", "incremental_sort", "material")
        for way in (*unwanted, *(() if sorting else ("sort",))):
            await connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        rows = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values)
        found = rows.scalar_one()
        return list(_steps((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))


def _steps(node: dict[str, Any]) -> Iterator[str]:
    kind = node["Node Type"]
    if "Scan" in kind and "Relation Name" in node:
        bounded = "Index Cond" in node or kind in ("Bitmap Heap Scan", "Tid Scan")
        yield f"{'SEARCH' if bounded else 'SCAN'} {node['Relation Name']} {kind} {node.get('Index Name', '')}"
    elif kind == "Bitmap Index Scan" and "Index Cond" not in node:
        yield f"SCAN {node['Index Name']}"
    elif kind == "Sort":
        yield f"USE TEMP B-TREE FOR ORDER BY {node['Sort Key']}"
    for below in node.get("Plans", ()):
        yield from _steps(below)


def scans(steps: list[str]) -> list[str]:
    """The steps that read a whole table or a whole index.

    The rows of a question within the question are no table; what is read for them has steps of its own.
    """
    own = ("CONSTANT ROW", "(subquery-")
    return [step for step in steps if step.startswith("SCAN") and not any(part in step for part in own)]


def sorts(steps: list[str]) -> list[str]:
    """The steps that put rows in order which no index holds in that order."""
    return [step for step in steps if step.startswith("USE TEMP B-TREE FOR ORDER BY")]
