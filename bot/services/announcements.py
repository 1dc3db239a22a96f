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
from sqlalchemy import Update, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.lookback import AnnouncementRow
from bot.db.tables import AlertState
from bot.waiting import Waiting, machine_time

LATELY = timedelta(days=7)
_OTHERWISE = "otherwise"  # stored with the body
_NEXT_AT = select(func.min(AnnouncementRow.next_attempt_at)).where(
    AnnouncementRow.state == AlertState.PENDING
)


class Said(Struct, frozen=True):
    """Something to say: `kind` and `body` are for whoever writes it out, `key` tells it from all else.

    It goes to the channel, or to `user_id` directly where that is None; to the first of `otherwise`, people
    by number, where nothing can be said there.
    """

    key: str
    guild_id: int
    channel_id: int | None
    kind: str
    body: dict[str, Any]
    user_id: int | None = None
    otherwise: tuple[int, ...] = ()

    def to_the_next(self) -> Said | None:
        """The same for the next person; None where nobody is left."""
        if not self.otherwise:
            return None
        person, *rest = self.otherwise
        key = f"{self.key.removesuffix(f':{self.user_id}')}:{person}"
        return Said(key, self.guild_id, None, self.kind, self.body, person, tuple(rest))


class Failure(Struct, frozen=True):
    """What could not be said: where or to whom, why, and when it was to be."""

    channel_id: int | None
    user_id: int | None
    reason: str
    at: datetime


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
                "user_id": each.user_id,
                "kind": each.kind,
                "body": msgspec.json.encode(each.body | {_OTHERWISE: each.otherwise}).decode(),
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

    async def undeliverable(self, announcement: Announcement, reason: str) -> None:
        """Give it up, as no retry can help; it goes to the next person, if somebody is left."""
        following = announcement.said.to_the_next()
        async with self._db.session() as session:
            given_up = _pending(announcement.id).values(state=AlertState.UNDELIVERABLE, reason=reason)
            waited = (await session.execute(given_up.returning(AnnouncementRow.id))).first() is not None
            if waited and following is not None:
                await self.note(session, [following])
        self.wake()

    async def retry(self, id: int, reason: str, delay_s: float) -> None:  # noqa: A002
        """Try it again after so many seconds."""
        await self._change(
            id,
            attempts=AnnouncementRow.attempts + 1,
            reason=reason,
            next_attempt_at=self._now() + timedelta(seconds=max(delay_s, 0.0)),
        )
        self.wake()

    async def failed(self, guild_id: int, limit: int = 3) -> list[Failure]:
        """What a server could lately not be told, the newest first."""
        rows = (
            select(
                AnnouncementRow.channel_id,
                AnnouncementRow.user_id,
                AnnouncementRow.reason,
                AnnouncementRow.created_at,
            )
            .where(
                AnnouncementRow.guild_id == guild_id,
                AnnouncementRow.state == AlertState.UNDELIVERABLE,
                AnnouncementRow.created_at >= self._now() - LATELY,
            )
            .order_by(AnnouncementRow.id.desc())
            .limit(limit)
        )
        async with self._db.reading() as session:
            return [
                Failure(channel_id, user_id, reason or "", at)
                for channel_id, user_id, reason, at in await session.execute(rows)
            ]

    async def wait(self) -> None:
        """Return once something is due, sleeping until then or until `wake`."""
        await self._waiting.wait()

    def wake(self) -> None:
        """Tell `wait` that something was written down."""
        self._waiting.wake()

    async def _change(self, id_: int, **values: object) -> None:
        async with self._db.session() as session:
            await session.execute(_pending(id_).values(values))


def _pending(id_: int) -> Update:
    return update(AnnouncementRow).where(
        AnnouncementRow.id == id_, AnnouncementRow.state == AlertState.PENDING
    )


def _announcement(row: AnnouncementRow) -> Announcement:
    body = msgspec.json.decode(row.body)
    otherwise = tuple(body.pop(_OTHERWISE, ()))
    said = Said(row.key, row.guild_id, row.channel_id, row.kind, body, row.user_id, otherwise)
    return Announcement(row.id, said, row.nonce, row.attempts, row.created_at)
