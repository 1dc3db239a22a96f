"""What a server has settled for itself, and whether the bot is still on it.

Settings are read with every command and alert, so they are kept in memory; every change made here is seen
at once. A server that takes the bot off keeps its data for 30 days, in case it comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from zoneinfo import available_timezones

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.base import Base
from bot.db.servers import GuildRow
from bot.errors import AxieflipError
from bot.services import runs
from bot.services.audit import AuditEntry, note
from bot.services.guild_settings import Area, GuildSettings
from bot.services.mutes import Mutes
from bot.services.watches import Watches
from bot.waiting import machine_time
from pipeline.clock import Clock

KEPT = timedelta(days=30)  # a server's data after the bot has left it


class Guilds:
    """Settings by server. A server that has settled nothing has the defaults."""

    def __init__(self, db: Database, clock: Clock, watches: Watches, mutes: Mutes) -> None:
        self._db = db
        self._clock = clock
        self._watches = watches
        self._mutes = mutes
        self._known: dict[int, GuildSettings] = {}

    async def get(self, guild_id: int) -> GuildSettings:
        """A server's settings, from memory after the first time."""
        if (known := self._known.get(guild_id)) is not None:
            return known
        async with self._db.reading() as session:
            text = await session.scalar(select(GuildRow.settings).where(GuildRow.id == guild_id))
        # What was changed while this was read is newer.
        return self._known.setdefault(guild_id, GuildSettings.of(text))

    async def change(
        self, guild_id: int, actor: int | None, edit: Callable[[GuildSettings], GuildSettings]
    ) -> GuildSettings:
        """Make the settings what `edit` makes of them; `actor` None is the bot itself."""
        mine = GuildRow.id == guild_id
        async with self._db.session() as session:
            await self._note(session, guild_id)
            text = await session.scalar(select(GuildRow.settings).where(mine).with_for_update())
            before = GuildSettings.of(text)
            after = edit(before)
            _check(after)
            if after != before:
                stored = msgspec.json.encode(after).decode()
                await session.execute(update(GuildRow).where(mine).values(settings=stored))
                change = ("settings changed", str(guild_id), before, after)
                await note(session, AuditEntry(machine_time(), guild_id, actor, *change))
        self._known[guild_id] = after
        self._watches.changed()
        return after

    async def grant(self, guild_id: int, actor: int | None, area: Area, role_id: int | None) -> GuildSettings:
        """Give an area to a role, or (None) take it back."""

        def edit(settings: GuildSettings) -> GuildSettings:
            grants = {each: role for each, role in settings.grants.items() if each is not area}
            if role_id is not None:
                grants[area] = role_id
            return msgspec.structs.replace(settings, grants=grants)

        return await self.change(guild_id, actor, edit)

    async def operators(self) -> dict[int, int]:
        """The operators' channel of each server that has one and the bot."""
        async with self._db.reading() as session:
            rows = await session.execute(
                select(GuildRow.id, GuildRow.settings).where(GuildRow.left_at.is_(None))
            )
            found = {id_: GuildSettings.of(text).operators_channel for id_, text in rows}
        return {id_: channel for id_, channel in found.items() if channel is not None}

    async def present(self, guild_ids: Iterable[int]) -> None:
        """Note on which servers the bot is: any other that is known has taken it off by now."""
        there = set(guild_ids)
        async with self._db.session() as session:
            for id_, left_at in (await session.execute(select(GuildRow.id, GuildRow.left_at))).all():
                if (id_ in there) != (left_at is None):
                    await session.execute(
                        update(GuildRow)
                        .where(GuildRow.id == id_)
                        .values(left_at=None if id_ in there else machine_time())
                    )
        self._watches.changed()

    async def left(self, guild_id: int) -> None:
        """A server has taken the bot off; its watches rest, and its data is deleted after `KEPT`."""
        await self._mark(guild_id, machine_time())

    async def joined(self, guild_id: int) -> bool:
        """A server has added the bot. True if it is known from before."""
        return await self._mark(guild_id, None)

    async def strangers(self, guild_ids: Iterable[int]) -> set[int]:
        """Those of some servers that have neither been greeted nor asked for anything."""
        async with self._db.reading() as session:
            return set(guild_ids).difference(await session.scalars(select(GuildRow.id)))

    async def met(self, guild_id: int) -> None:
        """A server has been greeted."""
        async with self._db.session() as session:
            await self._note(session, guild_id)

    async def _note(self, session: AsyncSession, guild_id: int) -> None:
        row = self._db.insert_or_ignore(GuildRow)
        await session.execute(row.values(id=guild_id, known_since=self._clock.now()))

    async def _mark(self, guild_id: int, left_at: datetime | None) -> bool:
        async with self._db.session() as session:
            marked = await session.execute(
                update(GuildRow).where(GuildRow.id == guild_id).values(left_at=left_at).returning(GuildRow.id)
            )
            known = marked.first() is not None
        self._watches.changed()
        return known

    async def forget_overdue(self, now: datetime | None = None) -> list[int]:
        """Delete the data of the servers that took the bot off longer than `KEPT` ago."""
        before = (now or machine_time()) - KEPT
        async with self._db.reading() as session:
            overdue = list(await session.scalars(select(GuildRow.id).where(GuildRow.left_at < before)))
        for guild_id in overdue:
            await self.forget(guild_id, None)
        return overdue

    async def forget(self, guild_id: int, actor: int | None) -> None:
        """Delete everything that is kept of a server; that it was deleted is all that stays on record.

        A person deletes from a server on which the bot still is: it stays one that has been greeted.
        """
        async with self._db.session() as session:
            await runs.strip(session, guild_id)
            for table in reversed(Base.metadata.sorted_tables):
                if "guild_id" in table.columns:
                    await session.execute(delete(table).where(table.c.guild_id == guild_id))
            await session.execute(delete(GuildRow).where(GuildRow.id == guild_id))
            if actor is not None:
                await self._note(session, guild_id)
            entry = ("data deleted", str(guild_id), None, None)
            await note(session, AuditEntry(machine_time(), guild_id, actor, *entry))
        self._known.pop(guild_id, None)
        self._watches.changed()
        self._mutes.changed()


def _check(settings: GuildSettings) -> None:
    if settings.time_zone not in available_timezones():
        raise AxieflipError(
            f'"{settings.time_zone[:60]}" is no time zone that I know. Pick one from the list that appears '
            "as you type, like Europe/Berlin or Asia/Manila."
        )
