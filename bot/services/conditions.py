"""What is wrong with the bot as a whole: noticed once, told once in each operators' channel, mended once.

The watchdog says what is wrong at present; what of it is new or over is found out here against the
database, in one transaction with what is to be said of it, so that neither a restart nor a crash repeats
or loses a notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import insert, select, update

from bot.db import Database
from bot.db.lookback import AnnouncementRow, ConditionRow
from bot.services.announcements import Announcements, Said
from bot.waiting import machine_time

KIND = "condition"
_OPEN = select(ConditionRow).where(ConditionRow.mended_at.is_(None)).order_by(ConditionRow.id)


class Condition(Struct, frozen=True):
    """Something that is wrong, since when in the machine's time, and what there is to say of it."""

    id: int
    key: str
    detail: str
    opened_at: datetime
    mended_at: datetime | None = None


class Conditions:
    """What is wrong, in the database."""

    def __init__(
        self, db: Database, announcements: Announcements, *, now: Callable[[], datetime] = machine_time
    ) -> None:
        self._db = db
        self._announcements = announcements
        self._now = now

    async def open(self) -> list[Condition]:
        """What is wrong now, oldest first."""
        async with self._db.reading() as session:
            return [_condition(row) for row in await session.scalars(_OPEN)]

    async def observe(self, present: Mapping[str, str], channels: Mapping[int, int]) -> None:
        """Take note of what is wrong at present: details by key. `channels` are where to tell, by server.

        A channel named later is told of what is still wrong then; one that was told is told of the end.
        """
        now = self._now()
        async with self._db.session() as session:
            known = {row.key: _condition(row) for row in await session.scalars(_OPEN)}
            mended = [condition for key, condition in known.items() if key not in present]
            for key in [key for key in present if key not in known]:
                new = insert(ConditionRow).values(key=key, detail=present[key], opened_at=now)
                id_ = (await session.execute(new.returning(ConditionRow.id))).scalar_one()
                known[key] = Condition(id_, key, present[key], now)
            said = [
                _said(known[key], "opened", guild, channel)
                for key in present
                for guild, channel in channels.items()
            ]
            for condition in mended:
                await session.execute(
                    update(ConditionRow).where(ConditionRow.id == condition.id).values(mended_at=now)
                )
                over = Condition(condition.id, condition.key, condition.detail, condition.opened_at, now)
                told = {
                    _said(over, "opened", guild, channel).key: (guild, channel)
                    for guild, channel in channels.items()
                }
                heard = select(AnnouncementRow.key).where(AnnouncementRow.key.in_(told))
                said += [_said(over, "mended", *told[key]) for key in await session.scalars(heard)]
            new_notices = await self._announcements.note(session, said)
        if new_notices:
            self._announcements.wake()


def _said(condition: Condition, what: str, guild_id: int, channel_id: int) -> Said:
    body = {
        "key": condition.key,
        "detail": condition.detail,
        "opened_at": condition.opened_at,
        "mended_at": condition.mended_at,
    }
    return Said(f"condition:{condition.id}:{what}:{channel_id}", guild_id, channel_id, KIND, body)


def _condition(row: ConditionRow) -> Condition:
    return Condition(row.id, row.key, row.detail, row.opened_at, row.mended_at)
