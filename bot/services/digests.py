"""The daily digest of a watch, on request: once a day at an hour of the server's own day, to its channel.

What a digest says and that it was due are one transaction, so that none is sent twice or left out; days
that passed while the bot was down are not made up for. Hours and days are those of the market's time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import delete, select, update

from bot.db import Database
from bot.db.lookback import DigestRow
from bot.db.servers import WatchRow
from bot.services.announcements import Announcements, Said
from bot.services.guilds import Guilds
from bot.services.ledger import Ledger, LedgerRow
from bot.services.performance import MOST_ROWS, best, summarise
from bot.services.watches import Watch
from pipeline.clock import Clock, pace

KIND = "digest"
EVERY_S = 60.0  # market seconds
DAY = timedelta(days=1)


class Digest(Struct, frozen=True):
    """A watch's digest: when in the server's day, and when next."""

    watch_id: int
    watch_name: str
    channel_id: int
    hour: int
    next_at: datetime


class Digests:
    """The digests that servers have asked for."""

    def __init__(
        self, db: Database, guilds: Guilds, ledger: Ledger, announcements: Announcements, clock: Clock
    ) -> None:
        self._db = db
        self._guilds = guilds
        self._ledger = ledger
        self._announcements = announcements
        self._clock = clock

    async def of_guild(self, guild_id: int) -> list[Digest]:
        """A server's digests by the watch's name."""
        rows = (
            select(DigestRow, WatchRow)
            .join(WatchRow, WatchRow.id == DigestRow.watch_id)
            .where(WatchRow.guild_id == guild_id)
            .order_by(WatchRow.name_key)
        )
        async with self._db.reading() as session:
            return [_digest(digest, watch) for digest, watch in (await session.execute(rows)).all()]

    async def set(self, watch: Watch, hour: int | None) -> Digest | None:
        """Send a digest of the watch daily at that hour, or (None) no longer."""
        zone = (await self._guilds.get(watch.guild_id)).zone
        async with self._db.session() as session:
            if hour is None:
                await session.execute(delete(DigestRow).where(DigestRow.watch_id == watch.id))
                return None
            next_at = following(self._clock.now(), hour, zone)
            row = {"watch_id": watch.id, "hour": hour, "next_at": next_at}
            await session.execute(self._db.upsert(DigestRow, "watch_id", "hour", "next_at"), [row])
        return Digest(watch.id, watch.name, watch.channel_id, hour, next_at)

    async def turn(self) -> float:
        """Write down the digests that are due. Returns the seconds until the next look."""
        now = self._clock.now()
        due = (
            select(DigestRow, WatchRow)
            .join(WatchRow, WatchRow.id == DigestRow.watch_id)
            .where(DigestRow.next_at <= now)
            .order_by(DigestRow.next_at)
            .limit(50)
        )
        async with self._db.reading() as session:
            found = (await session.execute(due)).all()
        for digest, watch in found:
            await self._write(digest, watch, now)
        return 0.0 if len(found) == 50 else pace(self._clock, EVERY_S, at_least_s=2.0)

    async def _write(self, digest: DigestRow, watch: WatchRow, now: datetime) -> None:
        zone = (await self._guilds.get(watch.guild_id)).zone
        since = now - DAY
        rows = await self._ledger.rows(watch.guild_id, watch_id=watch.id, since=since, limit=MOST_ROWS)
        key = f"digest:{watch.id}:{digest.next_at:%Y-%m-%dT%H}"
        said = Said(key, watch.guild_id, watch.channel_id, KIND, _body(watch.name, since, now, rows))
        async with self._db.session() as session:
            moved = await session.execute(
                update(DigestRow)
                .where(DigestRow.watch_id == watch.id, DigestRow.next_at == digest.next_at)
                .values(next_at=following(now, digest.hour, zone))
                .returning(DigestRow.watch_id)
            )
            if moved.first() is not None and not watch.paused:
                await self._announcements.note(session, [said])
        self._announcements.wake()


def following(now: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """The next moment after `now` at which it is that hour in a time zone."""
    local = now.astimezone(zone)
    at = local.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    if at.astimezone(now.tzinfo) <= now:
        at = (at + DAY).replace(fold=0)
    return at.astimezone(now.tzinfo)


def _body(name: str, since: datetime, until: datetime, rows: list[LedgerRow]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(
        {
            "watch": name,
            "since": since,
            "until": until,
            "performance": summarise(rows),
            "best": best(rows),
        }
    )
    return found


def _digest(row: DigestRow, watch: WatchRow) -> Digest:
    return Digest(watch.id, watch.name, watch.channel_id, row.hour, row.next_at)
