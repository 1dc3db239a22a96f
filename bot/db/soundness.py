"""Whether a SQLite file is whole, asked before anything is written to it.

A spoiled file is left as it is: what can still be read of it is worth more than a start that spoils the rest.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from bot.errors import SettingsError

LARGEST_READ = 256 * 1024 * 1024
"""Bytes; reading so much takes about a second. Of a larger file only the schema is looked at."""


def require_sound(url: str) -> None:
    """Raise SettingsError where the URL names a SQLite file that is spoiled; a missing one is none."""
    place = make_url(url)
    if place.get_backend_name() != "sqlite" or not place.database:
        return
    file = Path(place.database)
    if not file.is_file() or not file.stat().st_size:
        return
    said = _spoiled(file)
    if said is not None:
        raise SettingsError(
            f"DATABASE_URL {file}: the database is spoiled ({said}). It was left as it is: put a backup in "
            f"its place; or save what can be read (sqlite3 {file} .recover); or move it away, and the bot "
            "begins with an empty one"
        )


def _spoiled(file: Path) -> str | None:
    question = "PRAGMA quick_check(1)" if file.stat().st_size <= LARGEST_READ else "PRAGMA schema_version"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (answer,) = connection.execute(question).fetchone()
    except sqlite3.OperationalError:  # locked, or not to be read: whoever opens it says so
        return None
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if answer == "ok" or isinstance(answer, int) else str(answer).partition("\n")[0]
