"""What a server does not want to hear of for a while: a seller, a build, or all that a watch finds.

Asked for every listing, so what is muted is kept in memory; every change made here forgets it. A mute
always has an end, in the machine's time: it is for a person's evening, not for the market's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import delete, insert, select

from bot.db import Database
from bot.db.servers import MuteRow
from bot.services.audit import AuditEntry, note
from bot.waiting import machine_time
from pipeline.appraisal.keys import key
from pipeline.appraisal.subject import from_axie
from pipeline.market.values import Listing


class Kind(StrEnum):
    """What a mute is about."""

    SELLER = "seller"
    BUILD = "build"
    WATCH = "watch"


class Span(StrEnum):
    """How long a mute can be."""

    HOUR = "1h"
    HOURS = "4h"
    TOMORROW = "tomorrow"


class Mute(Struct, frozen=True):
    """A server hears nothing of `value` until a moment. `label` is what people call it."""

    id: int
    guild_id: int
    kind: Kind
    value: str
    label: str
    until: datetime
    created_by: int


class Mutes:
    """The mutes of all servers."""

    def __init__(self, db: Database, *, now: Callable[[], datetime] = machine_time) -> None:
        self._db = db
        self._now = now
        self._active: tuple[Mute, ...] | None = None
        self._changes = 0

    async def add(
        self, guild_id: int, kind: Kind, value: str, label: str, until: datetime, actor: int
    ) -> Mute:
        """Mute something in a server, in place of a former mute of the same."""
        now = self._now()
        row = {
            "guild_id": guild_id,
            "kind": kind,
            "value": value,
            "label": label[:100],
            "until": until,
            "created_by": actor,
            "created_at": now,
        }
        same = (MuteRow.guild_id == guild_id, MuteRow.kind == kind, MuteRow.value == value)
        async with self._db.session() as session:
            await session.execute(delete(MuteRow).where(*same))
            await session.execute(delete(MuteRow).where(MuteRow.until <= now))
            id_ = (await session.execute(insert(MuteRow).returning(MuteRow.id).values(row))).scalar_one()
            mute = Mute(id_, guild_id, kind, value, label[:100], until, actor)
            await note(session, AuditEntry(now, guild_id, actor, "muted", label, None, mute))
        self.changed()
        return mute

    async def remove(self, guild_id: int, mute_id: int, actor: int) -> Mute | None:
        """End a server's mute before its time; None where it has ended already."""
        gone = delete(MuteRow).where(MuteRow.id == mute_id, MuteRow.guild_id == guild_id).returning(MuteRow)
        async with self._db.session() as session:
            row = (await session.scalars(gone)).first()
            mute = None if row is None else _mute(row)
            if mute is not None:
                entry = AuditEntry(self._now(), guild_id, actor, "unmuted", mute.label, mute, None)
                await note(session, entry)
        self.changed()
        return mute

    async def list(self, guild_id: int) -> list[Mute]:
        """What a server has muted now, what ends first at the top."""
        active = [mute for mute in await self.active() if mute.guild_id == guild_id]
        return sorted(active, key=lambda mute: mute.until)

    async def active(self) -> tuple[Mute, ...]:
        """All mutes that have not ended, from memory where nothing has changed."""
        now = self._now()
        if self._active is None:
            changes = self._changes
            async with self._db.reading() as session:
                rows = await session.scalars(select(MuteRow).where(MuteRow.until > now))
                active = tuple(_mute(row) for row in rows)
            if changes != self._changes:  # something changed meanwhile, and this may be the old state
                return active
            self._active = active
        return tuple(mute for mute in self._active if mute.until > now)

    def changed(self) -> None:
        """What is muted is read anew: it was changed here, or deleted with all else of a server."""
        self._changes += 1
        self._active = None


class Silence:
    """The mutes of a moment, ready to be asked for many listings."""

    def __init__(self, mutes: tuple[Mute, ...]) -> None:
        self._muted = {(mute.guild_id, mute.kind, mute.value) for mute in mutes}
        self._kinds = {mute.kind for mute in mutes}

    def covers(self, guild_id: int, watch_id: int | None, listing: Listing) -> bool:
        """Whether a server does not want to hear of this listing from that watch."""
        return any((guild_id, kind, value_of(kind, watch_id, listing)) in self._muted for kind in self._kinds)


def value_of(kind: Kind, watch_id: int | None, listing: Listing) -> str:
    """What of a listing, or of the watch that found it, a mute of that kind is about."""
    match kind:
        case Kind.SELLER:
            return listing.seller.lower()
        case Kind.BUILD:
            return str(key(from_axie(listing.axie), "battle"))
        case Kind.WATCH:
            return str(watch_id)


def until(span: Span, now: datetime, zone: ZoneInfo) -> datetime:
    """When a mute of that length ends; tomorrow begins at six in the morning, where people are."""
    match span:
        case Span.HOUR:
            return now + timedelta(hours=1)
        case Span.HOURS:
            return now + timedelta(hours=4)
        case Span.TOMORROW:
            day = now.astimezone(zone).date() + timedelta(days=1)
            return datetime(day.year, day.month, day.day, 6, tzinfo=zone).astimezone(UTC)


def _mute(row: MuteRow) -> Mute:
    return Mute(row.id, row.guild_id, Kind(row.kind), row.value, row.label, row.until, row.created_by)
