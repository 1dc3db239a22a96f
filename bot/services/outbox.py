"""Alerts on their way to Discord. Only a pending alert is handed out, and every later state is for good.

Delivery is paced in the machine's time, whatever the market's clock says. An alert keeps its nonce over
all attempts: a crash between Discord's acceptance and `delivered` ends in a retry that Discord drops or,
some minutes later, in one that finds the message by that nonce.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import func, select, update

from bot.db import Database
from bot.db.tables import AlertRow, AlertState, ListingRow, PredictionRow
from pipeline.clock import Clock
from pipeline.market.values import Listing
from pipeline.signal import Prediction

LOOK_AGAIN_S = 30.0  # the longest sleep: the machine's clock may be set, another process may write
log = structlog.get_logger(__name__)


class PendingAlert(Struct, frozen=True):
    """A message to be sent. `created_at` is market time; `queued_at` the same moment in real time."""

    id: int
    nonce: str
    guild_id: int
    channel_id: int
    watch_name: str
    listing: Listing
    prediction: Prediction
    attempts: int
    created_at: datetime
    queued_at: datetime


class Problem(Struct, frozen=True):
    """An alert that could not be, or has not yet been, delivered, and why."""

    alert_id: int
    channel_id: int
    watch_name: str
    axie_id: int
    reason: str
    at: datetime


class OutboxCounts(Struct, frozen=True):
    """How many alerts are in each state."""

    pending: int = 0
    delivered: int = 0
    undeliverable: int = 0
    expired: int = 0


def machine_time() -> datetime:
    """Aware UTC time of this machine."""
    return datetime.now(UTC)


class Outbox:
    """The alerts in the database, and the wait for the next one that is due.

    `clock` stamps when an alert was settled, in market time; `now` paces the attempts, in real time.
    """

    def __init__(self, db: Database, clock: Clock, *, now: Callable[[], datetime] = machine_time) -> None:
        self._db = db
        self._clock = clock
        self._now = now
        self._awake = asyncio.Event()

    async def due(self, limit: int = 50) -> list[PendingAlert]:
        """Pending alerts whose next attempt is not in the future, oldest first.

        One whose stored listing cannot be read any more becomes undeliverable instead of blocking the rest.
        """
        rows = (
            select(AlertRow, ListingRow.body, PredictionRow.body)
            .join(PredictionRow, PredictionRow.listing_hash == AlertRow.listing_hash)
            .join(ListingRow, ListingRow.hash == AlertRow.listing_hash)
            .where(AlertRow.state == AlertState.PENDING, AlertRow.next_attempt_at <= self._now())
            .order_by(AlertRow.next_attempt_at, AlertRow.id)
            .limit(limit)
        )
        async with self._db.reading() as session:
            found = (await session.execute(rows)).all()
        alerts = []
        for alert, listing, prediction in found:
            try:
                alerts.append(_pending(alert, listing, prediction))
            except msgspec.DecodeError as error:
                log.error("stored alert cannot be read", alert=alert.id, reason=str(error))
                await self.undeliverable(alert.id, f"its stored listing cannot be read: {error}")
        return alerts

    async def delivered(self, id: int, message_id: int) -> None:  # noqa: A002 - the contract's name
        """The message is in its channel; whatever else was decided meanwhile, this is what happened."""
        await self._settle(id, AlertState.DELIVERED, None, message_id=message_id, only_pending=False)

    async def retry(self, id: int, reason: str, delay_s: float) -> None:  # noqa: A002
        """Try a pending alert again after that many real seconds; wakes `wait` to take note."""
        next_attempt_at = self._now() + timedelta(seconds=max(delay_s, 0.0))
        async with self._db.session() as session:
            await session.execute(
                update(AlertRow)
                .where(AlertRow.id == id, AlertRow.state == AlertState.PENDING)
                .values(attempts=AlertRow.attempts + 1, reason=reason, next_attempt_at=next_attempt_at)
            )
        self.wake()

    async def undeliverable(self, id: int, reason: str) -> None:  # noqa: A002
        """Give a pending alert up: no retry can help (the channel is gone, the bot may not write)."""
        await self._settle(id, AlertState.UNDELIVERABLE, reason)

    async def expire(self, id: int, reason: str) -> None:  # noqa: A002
        """Let a pending alert go: it would tell of something that is over."""
        await self._settle(id, AlertState.EXPIRED, reason)

    async def wait(self) -> None:
        """Return once an alert is due. Sleeps until the next attempt or `wake`, without polling between."""
        while True:
            # Cleared before looking: what is recorded after the look sets it again and ends the sleep.
            self._awake.clear()
            async with self._db.reading() as session:
                next_attempt_at = await session.scalar(
                    select(func.min(AlertRow.next_attempt_at)).where(AlertRow.state == AlertState.PENDING)
                )
            pause = LOOK_AGAIN_S
            if next_attempt_at is not None:
                pause = (next_attempt_at - self._now()).total_seconds()
                if pause <= 0:
                    return
            try:
                async with asyncio.timeout(min(pause, LOOK_AGAIN_S)):
                    await self._awake.wait()
            except TimeoutError:
                continue

    def wake(self) -> None:
        """Tell `wait` that alerts were recorded."""
        self._awake.set()

    async def problems(self, guild_id: int, limit: int = 5) -> list[Problem]:
        """A server's alerts that failed for good or are being tried again, newest first."""
        rows = (
            select(AlertRow, ListingRow.axie_id)
            .join(ListingRow, ListingRow.hash == AlertRow.listing_hash)
            .where(
                AlertRow.guild_id == guild_id,
                AlertRow.state.in_((AlertState.UNDELIVERABLE, AlertState.PENDING)),
                AlertRow.reason.is_not(None),
            )
            .order_by(AlertRow.id.desc())
            .limit(limit)
        )
        async with self._db.reading() as session:
            return [
                Problem(
                    alert.id,
                    alert.channel_id,
                    alert.watch_name,
                    axie_id,
                    alert.reason or "",
                    alert.settled_at or alert.created_at,
                )
                for alert, axie_id in await session.execute(rows)
            ]

    async def counts(self, guild_id: int | None = None) -> OutboxCounts:
        """How many alerts are in each state, of one server or of all."""
        rows = select(AlertRow.state, func.count()).group_by(AlertRow.state)
        if guild_id is not None:
            rows = rows.where(AlertRow.guild_id == guild_id)
        async with self._db.reading() as session:
            return OutboxCounts(**dict((await session.execute(rows)).all()))

    async def _settle(
        self,
        id_: int,
        state: AlertState,
        reason: str | None,
        *,
        message_id: int | None = None,
        only_pending: bool = True,
    ) -> None:
        change: dict[str, Any] = {"state": state, "reason": reason, "settled_at": self._clock.now()}
        if message_id is not None:
            change |= {"message_id": message_id, "attempts": AlertRow.attempts + 1}
        statement = update(AlertRow).where(AlertRow.id == id_).values(change)
        if only_pending:
            statement = statement.where(AlertRow.state == AlertState.PENDING)
        async with self._db.session() as session:
            await session.execute(statement)


def _pending(alert: AlertRow, listing: str, prediction: str) -> PendingAlert:
    return PendingAlert(
        alert.id,
        alert.nonce,
        alert.guild_id,
        alert.channel_id,
        alert.watch_name,
        msgspec.json.decode(listing, type=Listing),
        msgspec.json.decode(prediction, type=Prediction),
        alert.attempts,
        alert.created_at,
        alert.queued_at,
    )
