"""Who is on an alert. One person at a time: the first to claim it has it until they give it back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete, select

from bot.db import Database
from bot.db.tables import AlertRow, ClaimRow
from bot.services.alerts import Alert, Claim
from bot.services.audit import AuditEntry, note
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

    async def release(self, alert_id: int, user_id: int) -> None:
        """Give back an alert that the user claimed."""
        async with self._db.session() as session:
            await session.execute(
                delete(ClaimRow).where(ClaimRow.alert_id == alert_id, ClaimRow.user_id == user_id)
            )
            await mark(session, AlertRow.id == alert_id)

    async def free(self, alert: Alert, actor: int) -> None:
        """Take an alert from whoever claimed it, on somebody else's wish, which is on record."""
        gone = delete(ClaimRow).where(ClaimRow.alert_id == alert.id).returning(ClaimRow.user_id)
        async with self._db.session() as session:
            held = (await session.scalars(gone)).first()
            if held is not None:
                change = ("claim released", f"axie {alert.listing.axie.id}")
                before, after = {"claimed_by": held}, {"claimed_by": None}
                await note(session, AuditEntry(self._now(), alert.guild_id, actor, *change, before, after))
            await mark(session, AlertRow.id == alert.id)
