"""The training runs: who asked, how far it is, how it ended. Times are the machine's.

A run that a killed process left as running is marked interrupted by `interrupted()` at the next start.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.process import ModelVersionRow, TrainingRunRow
from bot.errors import NotFound

RUNNING = "running"
CANCELLED = "cancelled"  # its error names who did it
PACE_KNOWN = 0.1  # the share done from which on a run's own pace says something


class Run(Struct, frozen=True):
    """One training run. `state` is running, done, failed, interrupted or cancelled; `fraction` 0 to 1."""

    id: int
    requested_by: int | None
    state: str
    stage: str
    fraction: float
    version: str | None
    report: dict[str, Any] | None
    error: str | None
    started_at: datetime
    finished_at: datetime | None
    channel_id: int | None = None
    message_id: int | None = None
    guild_id: int | None = None


def seconds_left(run: Run, now: datetime, usual_s: float | None) -> float | None:
    """How long a run will still take; None while that is a guess. `usual_s` is what the last one took.

    Stages take unlike times, so at first the last run tells more than the pace of this one.
    """
    elapsed = (now - run.started_at).total_seconds()
    by_pace = elapsed * (1 - run.fraction) / run.fraction if run.fraction > 0 else None
    if usual_s is None:
        return by_pace if run.fraction >= PACE_KNOWN else None
    usual = max(usual_s - elapsed, usual_s * (1 - run.fraction) / 2)
    return usual if by_pace is None else usual * (1 - run.fraction) + by_pace * run.fraction


class Runs:
    """The training runs in the database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def begin(self, requested_by: int | None, guild_id: int | None = None) -> int:
        """Note that a run starts, asked for by a person or (None) by the schedule, on a server; its id."""
        row = {
            "requested_by": requested_by,
            "guild_id": guild_id,
            "state": RUNNING,
            "stage": "starting",
            "fraction": 0.0,
            "started_at": datetime.now(UTC),
        }
        async with self._db.session() as session:
            new = insert(TrainingRunRow).values(row).returning(TrainingRunRow.id)
            return (await session.execute(new)).scalar_one()

    async def progress(self, id: int, stage: str, fraction: float) -> None:  # noqa: A002 - the contract's name
        """Note how far a running run is; one that has ended stays as it ended."""
        await self._change(id, stage=stage, fraction=min(max(fraction, 0.0), 1.0))

    async def finish(
        self,
        id: int,  # noqa: A002
        state: str,
        version: str | None = None,
        report: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Note how a running run ended, and the version that it stored if it did."""
        now = datetime.now(UTC)
        text = None if report is None else msgspec.json.encode(report).decode()
        async with self._db.session() as session:
            ended = await session.execute(
                update(TrainingRunRow)
                .where(TrainingRunRow.id == id, TrainingRunRow.state == RUNNING)
                .values(
                    state=state,
                    version=version,
                    report=text,
                    error=error,
                    finished_at=now,
                    **({"fraction": 1.0} if state == "done" else {}),
                )
                .returning(TrainingRunRow.id)
            )
            if version is not None and ended.first() is not None:
                row = {"version": version, "run_id": id, "created_at": now, "report": text}
                await session.execute(self._db.insert_or_ignore(ModelVersionRow), [row])

    async def follow(self, id: int, channel_id: int, message_id: int) -> None:  # noqa: A002
        """Note which message shows the run, whatever becomes of the process."""
        await self._set(id, channel_id=channel_id, message_id=message_id)

    async def told(self, id: int) -> None:  # noqa: A002
        """The message shows how the run ended, or cannot be had any more."""
        await self._set(id, channel_id=None, message_id=None)

    async def followed(self) -> list[Run]:
        """The latest runs whose message does not show their end yet, oldest first."""
        return [run for run in reversed(await self.latest(20)) if run.message_id is not None]

    async def usual_s(self) -> float | None:
        """How long the last run that came to a model took."""
        done = (
            select(TrainingRunRow.started_at, TrainingRunRow.finished_at)
            .where(TrainingRunRow.state == "done")
            .order_by(TrainingRunRow.id.desc())
            .limit(1)
        )
        async with self._db.reading() as session:
            row = (await session.execute(done)).first()
        return None if row is None or row[1] is None else (row[1] - row[0]).total_seconds()

    async def interrupted(self) -> int:
        """Mark the runs that a former process left running; how many there were. For the start only."""
        async with self._db.session() as session:
            ended = await session.execute(
                update(TrainingRunRow)
                .where(TrainingRunRow.state == RUNNING)
                .values(
                    state="interrupted",
                    error="the process ended before the run did",
                    finished_at=datetime.now(UTC),
                )
                .returning(TrainingRunRow.id)
            )
            return len(ended.all())

    async def get(self, id: int) -> Run:  # noqa: A002
        """One run; `NotFound` if there is none of that id."""
        async with self._db.reading() as session:
            row = await session.get(TrainingRunRow, id)
        if row is None:
            raise NotFound(f"There is no training run {id}.")
        return _run(row)

    async def latest(self, limit: int) -> list[Run]:
        """The last runs, newest first."""
        async with self._db.reading() as session:
            rows = select(TrainingRunRow).order_by(TrainingRunRow.id.desc()).limit(limit)
            return [_run(row) for row in await session.scalars(rows)]

    async def _set(self, id_: int, **values: object) -> None:
        async with self._db.session() as session:
            await session.execute(update(TrainingRunRow).where(TrainingRunRow.id == id_).values(values))

    async def _change(self, id_: int, **values: object) -> None:
        async with self._db.session() as session:
            await session.execute(
                update(TrainingRunRow)
                .where(TrainingRunRow.id == id_, TrainingRunRow.state == RUNNING)
                .values(values)
            )


def _run(row: TrainingRunRow) -> Run:
    return Run(
        row.id,
        row.requested_by,
        row.state,
        row.stage,
        row.fraction,
        row.version,
        None if row.report is None else msgspec.json.decode(row.report),
        row.error,
        row.started_at,
        row.finished_at,
        row.channel_id,
        row.message_id,
        row.guild_id,
    )


async def strip(session: AsyncSession, guild_id: int) -> None:
    """Take out of the runs who asked for them on a server, who cancelled them, and where that was."""
    theirs = update(TrainingRunRow).where(TrainingRunRow.guild_id == guild_id)
    await session.execute(theirs.where(TrainingRunRow.state == CANCELLED).values(error="it was cancelled"))
    await session.execute(theirs.values(requested_by=None, guild_id=None, channel_id=None, message_id=None))
