"""What each server wants to be told of. Names are unique in a server whatever their case.

`active` is asked for every listing, so its answer is kept in memory; every change made here forgets it.
A second process that changes watches is not noticed: one process owns them.
"""

from __future__ import annotations

import difflib
import math
from datetime import UTC, datetime

import msgspec
from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.tables import AlertRow, AlertState, GuildRow, WatchRow
from bot.errors import AxieflipError, Conflict, LimitReached, NotFound
from bot.services.audit import AuditEntry, note
from pipeline.clock import Clock
from pipeline.signal import Filters, Thresholds

MAX_WATCHES = 25  # a server; also what one Discord menu can show
MAX_NAME = 50


class Watch(Struct, frozen=True):
    """A wish to be told, in a channel, of listings that pass the filters and reach the thresholds."""

    id: int
    guild_id: int
    channel_id: int
    name: str
    thresholds: Thresholds
    filters: Filters
    created_by: int
    created_at: datetime
    paused: bool = False


class Watches:
    """The watches of all servers."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._active: tuple[Watch, ...] | None = None
        self._changes = 0

    async def add(
        self,
        guild_id: int,
        channel_id: int,
        name: str,
        thresholds: Thresholds,
        filters: Filters,
        actor: int,
    ) -> Watch:
        """Make a watch. `Conflict` if the server has one of that name, `LimitReached` above 25."""
        name = " ".join(name.split())
        if not 1 <= len(name) <= MAX_NAME:
            raise AxieflipError(f"The name of a watch has 1 to {MAX_NAME} characters.")
        _check(thresholds)
        now = self._clock.now()
        async with self._db.session() as session:
            guild = self._db.insert_or_ignore(GuildRow)
            await session.execute(guild.values(id=guild_id, known_since=now))
            # Locks the server's row on PostgreSQL, so that two additions at once are counted one by one.
            await session.execute(select(GuildRow.id).where(GuildRow.id == guild_id).with_for_update())
            names = await _names(session, guild_id)
            if _key(name) in map(_key, names):
                raise Conflict(f'This server already has a watch named "{name}".')
            if len(names) >= MAX_WATCHES:
                raise LimitReached(f"A server can have {MAX_WATCHES} watches: remove one first.")
            row = {
                "guild_id": guild_id,
                "channel_id": channel_id,
                "name": name,
                "name_key": _key(name),
                "thresholds": msgspec.json.encode(thresholds).decode(),
                "filters": msgspec.json.encode(filters).decode(),
                "created_by": actor,
                "created_at": now,
                "paused": False,
            }
            id_ = (await session.execute(insert(WatchRow).returning(WatchRow.id).values(row))).scalar_one()
            watch = Watch(id_, guild_id, channel_id, name, thresholds, filters, actor, now)
            await _note(session, "watch added", watch.guild_id, actor, name, None, watch)
        self._changed()
        return watch

    async def list(self, guild_id: int) -> list[Watch]:
        """A server's watches by name."""
        async with self._db.reading() as session:
            rows = select(WatchRow).where(WatchRow.guild_id == guild_id).order_by(WatchRow.name_key)
            return [_watch(row) for row in await session.scalars(rows)]

    async def get(self, guild_id: int, name: str) -> Watch:
        """The server's watch of that name; `NotFound` tells the names near it."""
        async with self._db.reading() as session:
            return await _find(session, guild_id, name)

    async def set_thresholds(
        self,
        guild_id: int,
        name: str,
        actor: int,
        *,
        min_net_usd: float | None = None,
        min_return: float | None = None,
        min_probability: float | None = None,
    ) -> Watch:
        """Change the thresholds that are given and leave the others."""
        async with self._db.session() as session:
            before = await _find(session, guild_id, name)
            given = {"min_net_usd": min_net_usd, "min_return": min_return, "min_probability": min_probability}
            changes = {field: value for field, value in given.items() if value is not None}
            after = msgspec.structs.replace(
                before, thresholds=msgspec.structs.replace(before.thresholds, **changes)
            )
            _check(after.thresholds)
            text = msgspec.json.encode(after.thresholds).decode()
            await session.execute(update(WatchRow).where(WatchRow.id == before.id).values(thresholds=text))
            await _note(session, "thresholds set", guild_id, actor, before.name, before, after)
        self._changed()
        return after

    async def set_paused(self, guild_id: int, name: str, actor: int | None, paused: bool) -> Watch:
        """Stop (or let continue) the alerts of a watch without losing it; `actor` None is the bot itself."""
        async with self._db.session() as session:
            before = await _find(session, guild_id, name)
            after = msgspec.structs.replace(before, paused=paused)
            await session.execute(update(WatchRow).where(WatchRow.id == before.id).values(paused=paused))
            action = "watch paused" if paused else "watch resumed"
            await _note(session, action, guild_id, actor, before.name, before, after)
        self._changed()
        return after

    async def remove(self, guild_id: int, name: str, actor: int) -> None:
        """Delete a watch; what it has not delivered yet expires, what it has delivered stays known."""
        async with self._db.session() as session:
            watch = await _find(session, guild_id, name)
            await session.execute(
                update(AlertRow)
                .where(AlertRow.watch_id == watch.id, AlertRow.state == AlertState.PENDING)
                .values(state=AlertState.EXPIRED, reason="watch removed", settled_at=self._clock.now())
            )
            await session.execute(delete(WatchRow).where(WatchRow.id == watch.id))
            await _note(session, "watch removed", guild_id, actor, watch.name, watch, None)
        self._changed()

    async def active(self) -> tuple[Watch, ...]:
        """All unpaused watches of all servers, from memory where nothing has changed."""
        if self._active is not None:
            return self._active
        changes = self._changes
        async with self._db.reading() as session:
            rows = await session.scalars(select(WatchRow).where(~WatchRow.paused).order_by(WatchRow.id))
            active = tuple(_watch(row) for row in rows)
        if changes == self._changes:  # otherwise something changed meanwhile, and this may be the old state
            self._active = active
        return active

    async def forget_guild(self, guild_id: int) -> None:
        """Delete a server that the bot has left, with its watches and alerts; the audit log stays."""
        async with self._db.session() as session:
            names = await _names(session, guild_id)
            await session.execute(delete(AlertRow).where(AlertRow.guild_id == guild_id))
            gone = await session.execute(
                delete(GuildRow).where(GuildRow.id == guild_id).returning(GuildRow.id)
            )
            if gone.first() is not None:
                await _note(session, "server forgotten", guild_id, None, str(guild_id), names, None)
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self._active = None


async def _note(
    session: AsyncSession,
    action: str,
    guild_id: int,
    actor: int | None,
    subject: str,
    before: object,
    after: object,
) -> None:
    now = datetime.now(UTC)
    await note(session, AuditEntry(now, guild_id, actor, action, subject, before, after))


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _check(thresholds: Thresholds) -> None:
    if not (math.isfinite(thresholds.min_net_usd) and math.isfinite(thresholds.min_return)):
        raise AxieflipError("The least profit and the least return are plain numbers.")
    if not 0 <= thresholds.min_probability <= 1:
        raise AxieflipError("The least probability is between 0 and 1.")


async def _names(session: AsyncSession, guild_id: int) -> list[str]:
    return list(await session.scalars(select(WatchRow.name).where(WatchRow.guild_id == guild_id)))


async def _find(session: AsyncSession, guild_id: int, name: str) -> Watch:
    where = (WatchRow.guild_id == guild_id, WatchRow.name_key == _key(name))
    row = await session.scalar(select(WatchRow).where(*where))
    if row is not None:
        return _watch(row)
    names = {_key(each): each for each in await _names(session, guild_id)}
    near = [names[key] for key in difflib.get_close_matches(_key(name), names, n=3, cutoff=0.5)]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise NotFound(f'This server has no watch named "{name}".{hint}')


def _watch(row: WatchRow) -> Watch:
    return Watch(
        row.id,
        row.guild_id,
        row.channel_id,
        row.name,
        msgspec.json.decode(row.thresholds, type=Thresholds),
        msgspec.json.decode(row.filters, type=Filters),
        row.created_by,
        row.created_at,
        row.paused,
    )
