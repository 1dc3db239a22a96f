"""What each server wants to be told of. Names are unique in a server whatever their case.

`active` is asked for every listing, so its answer is kept in memory; every change made here forgets it.
A second process that changes watches is not noticed: one process owns them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.servers import GuildRow, WatchRow
from bot.db.tables import AlertRow, AlertState, PostRow
from bot.errors import Conflict, LimitReached, NotFound
from bot.services import limits
from bot.services.audit import AuditEntry, note
from bot.services.guild_settings import GuildSettings
from bot.services.pacing import Delivery
from pipeline.clock import Clock
from pipeline.signal import Filters, Thresholds

MAX_WATCHES = 25  # a server; also what one Discord menu can show


class Watch(Struct, frozen=True):
    """A wish to be told, in a channel, of listings that pass the filters and reach the thresholds.

    `zone` is the server's time zone. `paused_reason` is set where the bot paused it and not a person.
    """

    id: int
    guild_id: int
    channel_id: int
    name: str
    thresholds: Thresholds
    filters: Filters
    created_by: int
    created_at: datetime
    paused: bool = False
    delivery: Delivery = Delivery()
    paused_reason: str | None = None
    zone: str = "UTC"


class Watches:
    """The watches of all servers."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._active: tuple[Watch, ...] | None = None
        self._by_id: tuple[tuple[Watch, ...], dict[int, Watch]] | None = None
        self._changes = 0

    async def add(
        self,
        guild_id: int,
        channel_id: int,
        name: str,
        thresholds: Thresholds,
        filters: Filters,
        actor: int,
        delivery: Delivery = Delivery(),  # noqa: B008 - frozen
    ) -> Watch:
        """Make a watch. `Conflict` if the server has one of that name, `LimitReached` above 25."""
        now = self._clock.now()
        watch = Watch(
            0, guild_id, channel_id, _tidy(name), thresholds, filters, actor, now, delivery=delivery
        )
        limits.check(watch)
        async with self._db.session() as session:
            guild = self._db.insert_or_ignore(GuildRow)
            await session.execute(guild.values(id=guild_id, known_since=now))
            # Locks the server's row on PostgreSQL, so that two additions at once are counted one by one.
            await session.execute(select(GuildRow.id).where(GuildRow.id == guild_id).with_for_update())
            names = await _names(session, guild_id)
            _require_free(watch.name, names)
            if len(names) >= MAX_WATCHES:
                raise LimitReached(f"A server can have {MAX_WATCHES} watches: remove one first.")
            row = {"guild_id": guild_id, "created_by": actor, "created_at": now, **_columns(watch)}
            id_ = (await session.execute(insert(WatchRow).returning(WatchRow.id).values(row))).scalar_one()
            made = await _by(session, WatchRow.id == id_)
            assert made is not None
            await _note(session, "watch added", actor, None, made)
        self.changed()
        return made

    async def list(self, guild_id: int) -> list[Watch]:
        """A server's watches by name."""
        rows = _rows().where(WatchRow.guild_id == guild_id).order_by(WatchRow.name_key)
        async with self._db.reading() as session:
            return [_watch(*row) for row in await session.execute(rows)]

    async def get(self, guild_id: int, name: str) -> Watch:
        """The server's watch of that name; `NotFound` tells the names near it."""
        async with self._db.reading() as session:
            return await _find(session, guild_id, name)

    async def by_id(self, guild_id: int, id_: int) -> Watch:
        """The server's watch of that number, which outlives a change of its name."""
        async with self._db.reading() as session:
            watch = await _by(session, WatchRow.guild_id == guild_id, WatchRow.id == id_)
        if watch is None:
            raise NotFound("That watch has been removed. `/watch list` shows those that are left.")
        return watch

    async def change(
        self,
        guild_id: int,
        name: str,
        actor: int | None,
        edit: Callable[[Watch], Watch],
        action: str = "watch changed",
    ) -> Watch:
        """Make a watch what `edit` makes of it, in one transaction; `actor` None is the bot itself."""
        async with self._db.session() as session:
            before = await _find(session, guild_id, name)
            after = edit(before)
            after = msgspec.structs.replace(after, name=_tidy(after.name))
            if after == before:
                return before
            limits.check(after)
            if _key(after.name) != _key(before.name):
                _require_free(after.name, await _names(session, guild_id))
            await session.execute(update(WatchRow).where(WatchRow.id == before.id).values(_columns(after)))
            await self._carry_over(session, before, after)
            await _note(session, action, actor, before, after)
        self.changed()
        return after

    async def _carry_over(self, session: AsyncSession, before: Watch, after: Watch) -> None:
        """What is held for a digest goes where the watch posts now, or nowhere if a person paused it."""
        held = (
            AlertRow.watch_id == after.id,
            AlertRow.state == AlertState.PENDING,
            AlertRow.held_until.is_not(None),
        )
        if after.paused and not before.paused and after.paused_reason is None:
            over = {"state": AlertState.EXPIRED, "reason": "watch paused", "settled_at": self._clock.now()}
            await session.execute(update(AlertRow).where(*held).values(over))
        elif after.channel_id != before.channel_id:
            posts = select(AlertRow.post_id).where(*held)
            place = {"channel_id": after.channel_id}
            await session.execute(update(PostRow).where(PostRow.id.in_(posts)).values(place))
            await session.execute(update(AlertRow).where(*held).values(place))

    async def set_paused(
        self, guild_id: int, name: str, actor: int | None, paused: bool, reason: str | None = None
    ) -> Watch:
        """Stop (or let continue) the alerts of a watch without losing it; `actor` None is the bot itself."""

        def edit(watch: Watch) -> Watch:
            return msgspec.structs.replace(watch, paused=paused, paused_reason=reason if paused else None)

        action = "watch paused" if paused else "watch resumed"
        return await self.change(guild_id, name, actor, edit, action)

    async def remove(self, guild_id: int, name: str, actor: int) -> int:
        """Delete a watch; what it has not delivered yet expires, what it has delivered stays known.

        Returns the number of the entry in the audit log, by which `restore` brings it back.
        """
        async with self._db.session() as session:
            watch = await _find(session, guild_id, name)
            await session.execute(
                update(AlertRow)
                .where(AlertRow.watch_id == watch.id, AlertRow.state == AlertState.PENDING)
                .values(state=AlertState.EXPIRED, reason="watch removed", settled_at=self._clock.now())
            )
            await session.execute(delete(WatchRow).where(WatchRow.id == watch.id))
            entry = await _note(session, "watch removed", actor, watch, None)
        self.changed()
        return entry

    async def restore(self, guild_id: int, entry: AuditEntry | None, actor: int) -> Watch:
        """Make a watch again as it was before it was removed or changed."""
        if entry is None or entry.guild_id != guild_id or entry.before is None:
            raise NotFound("What was removed is no longer on record. Add the watch again.")
        was = msgspec.convert(entry.before, Watch)
        return await self.add(
            guild_id, was.channel_id, was.name, was.thresholds, was.filters, actor, was.delivery
        )

    async def active(self) -> tuple[Watch, ...]:
        """All unpaused watches of the servers that the bot is on, from memory where nothing has changed."""
        if self._active is not None:
            return self._active
        changes = self._changes
        rows = _rows().where(~WatchRow.paused, GuildRow.left_at.is_(None)).order_by(WatchRow.id)
        async with self._db.reading() as session:
            active = tuple(_watch(*row) for row in await session.execute(rows))
        if changes == self._changes:  # otherwise something changed meanwhile, and this may be the old state
            self._active = active
        return active

    async def find(self, id_: int | None) -> Watch | None:
        """An unpaused watch by its number, from memory."""
        active = await self.active()
        if self._by_id is None or self._by_id[0] is not active:
            self._by_id = (active, {watch.id: watch for watch in active})
        return None if id_ is None else self._by_id[1].get(id_)

    def changed(self) -> None:
        """Forget what is kept in memory: watches, or the servers that they are of, have changed."""
        self._changes += 1
        self._active = None


async def _note(
    session: AsyncSession, action: str, actor: int | None, before: Watch | None, after: Watch | None
) -> int:
    subject = before or after
    assert subject is not None
    entry = (subject.guild_id, actor, action, subject.name, before, after)
    return await note(session, AuditEntry(datetime.now(UTC), *entry))


def _tidy(name: str) -> str:
    return " ".join(name.split())


def _key(name: str) -> str:
    return _tidy(name).casefold()


def _require_free(name: str, names: list[str]) -> None:
    if _key(name) in map(_key, names):
        raise Conflict(f'This server already has a watch named "{name}". Give another name.')


async def _names(session: AsyncSession, guild_id: int) -> list[str]:
    return list(await session.scalars(select(WatchRow.name).where(WatchRow.guild_id == guild_id)))


async def _find(session: AsyncSession, guild_id: int, name: str) -> Watch:
    watch = await _by(session, WatchRow.guild_id == guild_id, WatchRow.name_key == _key(name))
    if watch is not None:
        return watch
    names = {_key(each): each for each in await _names(session, guild_id)}
    near = [names[key] for key in difflib.get_close_matches(_key(name), names, n=3, cutoff=0.5)]
    hint = f" Did you mean {' or '.join(near)}?" if near else " `/watch list` shows all."
    raise NotFound(f'This server has no watch named "{name}".{hint}')


def _rows() -> Select[WatchRow, str]:
    return select(WatchRow, GuildRow.settings).join(GuildRow, GuildRow.id == WatchRow.guild_id)


async def _by(session: AsyncSession, *where: Any) -> Watch | None:
    row = (await session.execute(_rows().where(*where))).first()
    return None if row is None else _watch(*row)


def _columns(watch: Watch) -> dict[str, Any]:
    return {
        "channel_id": watch.channel_id,
        "name": watch.name,
        "name_key": _key(watch.name),
        "thresholds": msgspec.json.encode(watch.thresholds).decode(),
        "filters": msgspec.json.encode(watch.filters).decode(),
        "delivery": msgspec.json.encode(watch.delivery).decode(),
        "paused": watch.paused,
        "paused_reason": watch.paused_reason,
    }


def _watch(row: WatchRow, settings: str) -> Watch:
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
        msgspec.json.decode(row.delivery, type=Delivery),
        row.paused_reason,
        GuildSettings.of(settings).time_zone,
    )
