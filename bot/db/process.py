"""Tables of the process itself: trainings, the versions they stored, and small things to remember."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.base import Base
from bot.db.types import RowId


class TrainingRunRow(Base):
    """One attempt at training, in the machine's time, and the message that follows it where there is one.

    It stays when its server's data is deleted, as the model it made does, without who asked for it and where.
    """

    __tablename__ = "training_runs"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    requested_by: Mapped[int | None] = mapped_column(BigInteger)  # None: the schedule
    state: Mapped[str] = mapped_column(String(16), index=True)
    stage: Mapped[str] = mapped_column(String(100))
    fraction: Mapped[float]
    version: Mapped[str | None] = mapped_column(String(100))
    report: Mapped[str | None]
    error: Mapped[str | None]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    channel_id: Mapped[int | None] = mapped_column(BigInteger)
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    guild_id: Mapped[int | None] = mapped_column(BigInteger)  # where it was asked for


class ModelVersionRow(Base):
    """A version that a training run stored, with what its run reported."""

    __tablename__ = "model_versions"

    version: Mapped[str] = mapped_column(String(100), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("training_runs.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    report: Mapped[str | None]


class WatcherStateRow(Base):
    """Small things to remember from one life of the process to the next, as JSON."""

    __tablename__ = "watcher_state"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[str]
