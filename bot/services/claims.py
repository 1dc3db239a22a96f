"""Who is on an alert. One person at a time: the first to claim it has it until they give it back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, select

from bot.db import Database
from bot.db.tables import AlertRow, ClaimRow
from bot.services.alerts import Claim
from bot.services.posts import mark
from bot.waiting import machine_time


class Claims:
    """The claims in the database. `now` is the machine's time."""

    def __init__(self, db: Database, *, now: Callable[[], datetime] = machine_time) -> None:
        self._db = db
        self._now = now

    async def claim(self, alert_id: int, user_id: int, name: str) -> Claim:
        """Claim an alert for a user of that name; the claim that holds, which may be somebody else's."""
        async with self._db.session() as session:
            row = {"alert_id": alert_id, "user_id": user_id, "name": name[:100], "at": self._now()}
            await session.execute(self._db.insert_or_ignore(ClaimRow), [row])
            held = (await session.scalars(select(ClaimRow).where(ClaimRow.alert_id == alert_id))).one()
            await mark(session, AlertRow.id == alert_id)
            return Claim(held.user_id, held.name, held.at)

    async def release(self, alert_id: int, user_id: int | None) -> bool:
        """Give an alert back: a user's own claim, or (None) anybody's. False where there was none."""
        gone = delete(ClaimRow).where(ClaimRow.alert_id == alert_id).returning(ClaimRow.alert_id)
        if user_id is not None:
            gone = gone.where(ClaimRow.user_id == user_id)
        async with self._db.session() as session:
            released = (await session.scalars(gone)).first() is not None
            await mark(session, AlertRow.id == alert_id)
            return released
