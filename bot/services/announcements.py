"""What the bot has to say besides alerts: written down once under a key, delivered until it is in its place.

Operators' notices and daily digests go this way. A key that is stored already is not said again, so whoever
finds something to say need not remember whether it was said. All times are the machine's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.lookback import AnnouncementRow
from bot.db.tables import AlertState
from bot.waiting import Waiting, machine_time

_NEXT_AT = select(func.min(AnnouncementRow.next_attempt_at)).where(
    AnnouncementRow.state == AlertState.PENDING
)


class Said(Struct, frozen=True):
    """Something to say: `kind` and `body` are for whoever writes it out, `key` tells it from all else."""

    key: str
    guild_id: int
    channel_id: int
    kind: str
    body: dict[str, Any]


class Announcement(Struct, frozen=True):
    """Something that waits for its delivery."""

    id: int
    said: Said
    nonce: str
    attempts: int
    created_at: datetime


class Announcements:
    """The announcements in the database, and the wait for the next one that is due."""

    def __init__(self, db: Database, *, now: Callable[[], datetime] = machine_time) -> None:
        self._db = db
        self._now = now
        self._waiting = Waiting(db, _NEXT_AT, now)

    async def say(self, said: Iterable[Said]) -> int:
        """Write down what has not been written down before; how many were new."""
        async with self._db.session() as session:
            new = await self.note(session, said)
        self.wake()
        return new

    async def note(self, session: AsyncSession, said: Iterable[Said]) -> int:
        """The same in the transaction that makes it true; call `wake` after its end."""
        now = self._now()
        rows = [
            {
                "key": each.key,
                "guild_id": each.guild_id,
                "channel_id": each.channel_id,
                "kind": each.kind,
                "body": msgspec.json.encode(each.body).decode(),
                "nonce": hashlib.blake2b(each.key.encode(), digest_size=12).hexdigest(),
                "state": AlertState.PENDING,
                "attempts": 0,
                "created_at": now,
                "next_attempt_at": now,
            }
            for each in said
        ]
        statement = self._db.insert_or_ignore(AnnouncementRow).returning(AnnouncementRow.id)
        # One by one, for their order: several in one statement get their numbers in any.
        return sum([(await session.execute(statement, row)).first() is not None for row in rows])

    async def due(self, limit: int = 50) -> list[Announcement]:
        """What waits and may be tried now, oldest first."""
        rows = (
            select(AnnouncementRow)
            .where(
                AnnouncementRow.state == AlertState.PENDING, AnnouncementRow.next_attempt_at <= self._now()
            )
            .order_by(AnnouncementRow.next_attempt_at, AnnouncementRow.id)
            .limit(limit)
        )
        async with self._db.reading() as session:
            return [_announcement(row) for row in await session.scalars(rows)]

    async def delivered(self, id: int, message_id: int) -> None:  # noqa: A002
        """It is in its channel."""
        await self._change(id, state=AlertState.DELIVERED, message_id=message_id, reason=None)

    async def undeliverable(self, id: int, reason: str) -> None:  # noqa: A002
        """Give it up: no retry can help."""
        await self._change(id, state=AlertState.UNDELIVERABLE, reason=reason)

    async def retry(self, id: int, reason: str, delay_s: float) -> None:  # noqa: A002
        """Try it again after so many seconds."""
        await self._change(
            id,
            attempts=AnnouncementRow.attempts + 1,
            reason=reason,
            next_attempt_at=self._now() + timedelta(seconds=max(delay_s, 0.0)),
        )
        self.wake()

    async def failed(self, guild_id: int, limit: int = 3) -> list[tuple[int, str]]:
        """The channels of a server's newest announcements that could not be delivered, and why."""
        rows = (
            select(AnnouncementRow.channel_id, AnnouncementRow.reason)
            .where(AnnouncementRow.guild_id == guild_id, AnnouncementRow.state == AlertState.UNDELIVERABLE)
            .order_by(AnnouncementRow.id.desc())
            .limit(limit)
        )
        async with self._db.reading() as session:
            return [(channel, reason or "") for channel, reason in await session.execute(rows)]

    async def wait(self) -> None:
        """Return once something is due, sleeping until then or until `wake`."""
        await self._waiting.wait()

    def wake(self) -> None:
        """Tell `wait` that something was written down."""
        self._waiting.wake()

    async def _change(self, id_: int, **values: object) -> None:
        async with self._db.session() as session:
            await session.execute(
                update(AnnouncementRow)
                .where(AnnouncementRow.id == id_, AnnouncementRow.state == AlertState.PENDING)
                .values(values)
            )


def _announcement(row: AnnouncementRow) -> Announcement:
    said = Said(row.key, row.guild_id, row.channel_id, row.kind, msgspec.json.decode(row.body))
    return Announcement(row.id, said, row.nonce, row.attempts, row.created_at)
