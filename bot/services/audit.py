"""Who changed what, and when in the machine's time: one row for every change by a person or the bot.

A change made in a transaction is noted in the same one with `note`, so that neither is there without
the other. Rows are never changed, and deleted only with all other data of their server.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.servers import AuditRow, GuildRow


class AuditEntry(Struct, frozen=True):
    """A change: `actor` None is the bot itself; `before` and `after` are what JSON makes of the values."""

    at: datetime
    guild_id: int | None
    actor: int | None
    action: str
    subject: str
    before: Any
    after: Any
    id: int = 0


class Audit:
    """The log of changes, newest first."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def write(
        self,
        action: str,
        subject: str,
        *,
        guild_id: int | None = None,
        actor: int | None = None,
        before: object = None,
        after: object = None,
    ) -> None:
        """Note a change that has no transaction of its own, such as a rollback of the model."""
        async with self._db.session() as session:
            now = datetime.now(UTC)
            if guild_id is not None:  # only a server that is known is forgotten after it has left
                await session.execute(
                    self._db.insert_or_ignore(GuildRow).values(id=guild_id, known_since=now)
                )
            entry = AuditEntry(now, guild_id, actor, action, subject, before, after)
            await note(session, entry)

    async def recent(
        self, guild_id: int | None = None, limit: int = 20, *, before: int | None = None
    ) -> list[AuditEntry]:
        """The last changes, of all servers or of one; `before` an entry, if given.

        What belongs to no server concerns each, such as the model being changed from outside Discord.
        """
        rows = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if before is not None:
            rows = rows.where(AuditRow.id < before)
        parts = [rows]
        if guild_id is not None:  # one after the other: each is a walk along the index
            parts = [rows.where(AuditRow.guild_id == guild_id), rows.where(AuditRow.guild_id.is_(None))]
        async with self._db.reading() as session:
            found = [_entry(row) for part in parts for row in await session.scalars(part)]
        return sorted(found, key=lambda entry: -entry.id)[:limit]

    async def entry(self, guild_id: int, id_: int) -> AuditEntry | None:
        """One change of a server."""
        row = select(AuditRow).where(AuditRow.guild_id == guild_id, AuditRow.id == id_)
        async with self._db.reading() as session:
            found = await session.scalar(row)
        return None if found is None else _entry(found)


async def note(session: AsyncSession, entry: AuditEntry) -> int:
    """Note a change in the transaction that makes it. Returns the entry's number."""
    made = await session.execute(
        insert(AuditRow)
        .returning(AuditRow.id)
        .values(
            at=entry.at,
            guild_id=entry.guild_id,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject[:200],
            before=_encode(entry.before),
            after=_encode(entry.after),
        )
    )
    return made.scalar_one()


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        row.at,
        row.guild_id,
        row.actor,
        row.action,
        row.subject,
        _decode(row.before),
        _decode(row.after),
        row.id,
    )


def _encode(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _decode(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
