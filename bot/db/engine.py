"""How a connection to SQLite or PostgreSQL is opened, in one place for the bot and its migrations.

A transaction that may write takes its turn at once, on SQLite by BEGIN IMMEDIATE, on PostgreSQL by an
advisory lock that ends with it: one that read first and wrote later would fail, or overwrite unseen what
another had written meanwhile. One that only reads sees one moment, and waits for nobody.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.errors import SettingsError

BUSY_MS = 10_000  # how long SQLite waits for another process's lock
# A page of listings is one statement, as long as the page: a hundred lengths of up to 160 KB, in every
# connection. The driver would keep 128 of them.
STATEMENTS = 32
READ_ONLY = "axieflip_read_only"  # the execution option of a transaction that only reads
WRITERS = 7_205_759_403_792_793  # any number, but the same in every process


def connect(url: str, *, foreign_keys: bool = True) -> AsyncEngine:
    """An engine for SQLite (aiosqlite) or PostgreSQL (asyncpg).

    `foreign_keys=False` is for migrations: SQLite rebuilds a table by dropping it, which would delete
    by cascade what refers to it.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return _postgres(url)
    file = make_url(url).database
    pool: dict[str, Any] = {}
    if file and file != ":memory:" and not file.startswith("file:"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        # The connection that rested least is taken first: the others' pages and statements stay few. One in
        # memory has a single connection, and no order.
        pool = {"pool_use_lifo": True}
    engine = create_async_engine(url, connect_args={"cached_statements": STATEMENTS}, **pool)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions of its own, and late
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_MS}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    @event.listens_for(engine.sync_engine, "invalidate")
    def release(connection: Any, _record: object, _error: object) -> None:
        # A statement that was cancelled half-way lives as long as anyone keeps its error, and for so long a
        # connection that was closed with it would hold SQLite's lock. Whoever is cancelled once more is on
        # the way out already, and what cannot be rolled back holds nothing.
        with suppress(Exception, asyncio.CancelledError):
            connection.rollback()

    return engine


def _postgres(url: str) -> AsyncEngine:
    try:
        engine = create_async_engine(url, pool_size=4, max_overflow=4, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"DATABASE_URL needs the package {error.name}, which is not installed: use `make run`, or "
            "install the extra `postgres`"
        ) from error

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(READ_ONLY):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")

    return engine
