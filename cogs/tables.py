"""Rows as a file that any spreadsheet opens."""

from __future__ import annotations

import csv as _csv
import io
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def csv(names: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """CSV in UTF-8 under one row of names. Times are ISO 8601, nothing is an empty cell."""
    text = io.StringIO(newline="")
    writer = _csv.writer(text)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case datetime():
            return value.isoformat(timespec="seconds")
        case str() if value[:1] in ("=", "+", "-", "@", "\t", "\r"):
            return f"'{value}"  # a spreadsheet would run it as a formula
        case _:
            return value
