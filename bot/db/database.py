"""One database for the process: an engine with a small pool, and sessions that are one transaction.

On SQLite the writers of this process queue for their turn here, first come first served; SQLite's own
lock is polled with growing pauses, which would cost a waiting alert up to a tenth of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, cast

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from bot.db import schema
from bot.db.engine import READ_ONLY, connect


class Database:
    """The engine and its two ways of opening a transaction. Made by `Database.open`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._write = async_sessionmaker(engine, expire_on_commit=False)
        self._read = async_sessionmaker(engine.execution_options(**{READ_ONLY: True}), expire_on_commit=False)
        self._turn: AbstractAsyncContextManager[object] = (
            asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Database]:
        """Bring the schema at the URL to this version, and hold the database open.

        A SQLite file and its folder are made when missing. Raises `SettingsError` where it cannot be
        opened and `SchemaError` where the database is newer than the code.
        """
        await schema.upgrade(url)
        engine = connect(url)
        try:
            yield cls(engine)
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One transaction that may write: committed at the end, rolled back on any exception.

        Transactions do not nest: a second one inside the first would wait for it for ever.
        """
        async with self._turn, self._write.begin() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One transaction that only reads: one consistent view, and in no writer's way."""
        async with self._read.begin() as session:
            yield session

    async def ping(self) -> None:
        """Return if the database answers, raise otherwise."""
        async with self.reading() as session:
            await session.execute(select(1))

    def insert_or_ignore(self, row: type[DeclarativeBase]) -> Any:
        """An INSERT that leaves out the rows whose key exists; `.returning` tells which went in."""
        return self._insert(row).on_conflict_do_nothing()

    def upsert(self, row: type[DeclarativeBase], key: str, *columns: str) -> Any:
        """An INSERT that overwrites `columns` where a row with that `key` exists."""
        statement = self._insert(row)
        new = {column: statement.excluded[column] for column in columns}
        return statement.on_conflict_do_update(index_elements=[key], set_=new)

    def _insert(self, row: type[DeclarativeBase]) -> Any:
        insert = sqlite.insert if self.engine.dialect.name == "sqlite" else postgresql.insert
        # The table rather than the class: rows go straight to the driver, past the object layer.
        return insert(cast(Table, row.__table__))
