"""The training runs: who asked, how far it is, how it ended. Times are the machine's.

A run that a killed process left as running is marked interrupted by `interrupted()` at the next start.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select, update

from bot.db import Database
from bot.db.tables import ModelVersionRow, TrainingRunRow
from bot.errors import NotFound

RUNNING = "running"


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


class Runs:
    """The training runs in the database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def begin(self, requested_by: int | None) -> int:
        """Note that a run starts, asked for by a person or (None) by the schedule; its id."""
        row = {
            "requested_by": requested_by,
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
    )
