"""Dated tables in the object store: `side/<name>/dt=YYYY-MM-DD/<run>.jsonl.zst`, one row a line.

A table holds from its day on, until the next one does. Where one day has several, the newest run counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from pipeline.datasets import Damaged, day_of, lines_of, pack
from pipeline.objects import ObjectStore

Row = TypeVar("Row", bound=Struct)
_SUFFIX = ".jsonl.zst"


class SideError(Exception):
    """A source gave no table; the message names it and says why."""


class Dated(Struct, Generic[Row], frozen=True):
    """A table and the day from whose beginning (UTC) it holds; `stated` if the source itself said so."""

    day: date
    rows: tuple[Row, ...]
    stated: bool = False
    rejected: int = 0


def store_table(store: ObjectStore, name: str, run: str, table: Dated[Row], today: date) -> str | None:
    """Keep a table; returns its key, None if the store has it already. Raises StoreError.

    A table that differs from what is stored under its stated day was changed since, and is dated today:
    what was known before stays as it was known.
    """
    kind = type(table.rows[0])
    held = {stored.day: stored.rows for stored in stored_tables(store, name, kind)}
    before = [day for day in held if day <= today]
    if before and held[max(before)] == table.rows:
        return None
    day = today if table.day in held else table.day
    key = f"side/{name}/dt={day}/{run}{_SUFFIX}"
    store.put(key, pack([msgspec.json.encode(row) for row in table.rows]))
    return key


def stored_tables(
    store: ObjectStore, name: str, kind: type[Row], damaged: list[Damaged] | None = None
) -> list[Dated[Row]]:
    """All tables of a source, oldest first, one a day; a file that cannot be read is reported and skipped."""
    decoder = msgspec.json.Decoder(kind)
    found: dict[date, Dated[Row]] = {}
    for key in store.list(f"side/{name}/dt="):
        if not key.endswith(_SUFFIX):
            continue
        try:
            day = day_of(key)
            rows = tuple(decoder.decode(line) for line in lines_of(store, key, damaged))
        except (ValueError, RecursionError) as error:  # no day, or a row that is none
            if damaged is not None:
                damaged.append(Damaged(key, str(error)))
            continue
        if rows:
            found[day] = Dated(day, rows)
    return [found[day] for day in sorted(found)]


def held_at(tables: Sequence[Dated[Row]], at: datetime) -> Dated[Row] | None:
    """The table that held at a moment; None before the first one."""
    day = at.astimezone(UTC).date()
    return max((table for table in tables if table.day <= day), key=lambda table: table.day, default=None)
