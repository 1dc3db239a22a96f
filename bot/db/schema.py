"""Brings a database to the schema of this version, with the revisions shipped in `migrations`.

Alembic is driven from here and needs no `alembic.ini`: the revisions are found beside the installed
package. It is imported where there may be something to upgrade, which on SQLite at most starts there is
not. The whole upgrade is one transaction, so that a failure leaves the database as it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError

from bot.db.engine import connect
from bot.db.soundness import require_sound
from bot.errors import SchemaError, SettingsError

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

T = TypeVar("T")


async def upgrade(url: str) -> str:
    """Bring the database to this version's schema and return the revision it is at.

    Raises `SettingsError` if it cannot be opened or is spoiled, and `SchemaError` if it was written by a
    newer version, or if an upgrade would leave a reference without its row, which is looked for only then.
    """
    require_sound(url)
    return head() if _stands(url) else await _on(url, _upgrade)


async def current(url: str) -> str | None:
    """The revision a database is at; None if it is empty, or a file that is not there: asking makes none."""
    if _is_missing(url):
        return None
    return await _on(url, _revision)


def _is_missing(url: str) -> bool:
    file = _file(url)
    return file is not None and not file.exists()


def _file(url: str) -> Path | None:
    place = make_url(url)
    return Path(place.database or "") if place.get_backend_name() == "sqlite" else None


def _stands(url: str) -> bool:
    """Whether a SQLite file that can be written to is at this version's schema, as at most starts.

    Asked without Alembic. Where the answer is no, for whatever reason, the upgrade finds out why.
    """
    file = _file(url)
    if file is None or not file.is_file():
        return False
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=0)
        ) as connection:
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE")
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(head(),)]
    except sqlite3.Error:
        return False


@cache
def head() -> str:
    """The revision of this version's schema: the last of the files, which are named by their numbers."""
    names = [file.name for file in files("migrations.versions").iterdir()]
    newest = max(name for name in names if name[:1].isdigit() and name.endswith(".py"))
    return newest.partition("_")[0]


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; `env.py` takes the connection from it."""
    from alembic.config import Config

    result = Config()
    result.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    result.set_main_option("path_separator", "os")
    result.attributes["connection"] = connection
    return result


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(config())


def _revision(connection: Connection) -> str | None:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> str:
    newest, at = head(), _revision(connection)
    if at == newest:
        return newest
    if at is not None and at not in {script.revision for script in _scripts().walk_revisions()}:
        raise SchemaError(
            f"The database is at revision {at}, which this version of axieflip does not know: a newer "
            "version wrote it. Install that version, or restore a backup made before it."
        )
    from alembic import command

    command.upgrade(config(connection), "head")
    if connection.dialect.name == "sqlite":
        orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if orphan is not None:
            raise SchemaError(
                f"The upgrade to revision {newest} was undone: a row of {orphan[0]} would refer to "
                f"a row of {orphan[2]} that does not exist. Restore a backup."
            )
    return newest


async def _on(url: str, act: Callable[[Connection], T]) -> T:
    with _opening(url):
        engine = connect(url, foreign_keys=False)
    try:
        with _opening(url):
            async with engine.begin() as connection:
                return await connection.run_sync(act)
    finally:
        await engine.dispose()


@contextmanager
def _opening(url: str) -> Iterator[None]:
    """A database that cannot be had is for a person to mend: one sentence without the password."""
    try:
        yield
    except (OSError, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        shown = make_url(url).render_as_string(hide_password=True)
        raise SettingsError(
            f"DATABASE_URL {shown} cannot be opened ({cause}): correct it, or see to the database"
        ) from error
