"""Tables of what a Discord server has asked for and settled. They go when its data is deleted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.base import Base
from bot.db.types import RowId


class GuildRow(Base):
    """A Discord server that has been greeted or has asked for something."""

    __tablename__ = "guilds"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    known_since: Mapped[datetime]
    settings: Mapped[str] = mapped_column(server_default="{}")
    left_at: Mapped[datetime | None]  # the machine's time; when the bot was taken off the server


class WatchRow(Base):
    """What a server wants to be told of, and where."""

    __tablename__ = "watches"
    __table_args__ = (UniqueConstraint("guild_id", "name_key"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    guild_id: Mapped[int] = mapped_column(ForeignKey("guilds.id", ondelete="CASCADE"))
    channel_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(200))  # case-folded: what makes two names the same
    thresholds: Mapped[str]
    filters: Mapped[str]
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    paused: Mapped[bool]
    delivery: Mapped[str] = mapped_column(server_default="{}")
    paused_reason: Mapped[str | None]  # why the bot itself paused it


class MuteRow(Base):
    """What a server does not want to hear of until a moment. Times are the machine's."""

    __tablename__ = "mutes"
    __table_args__ = (Index(None, "until"), Index(None, "guild_id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    guild_id: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(10))
    value: Mapped[str] = mapped_column(String(400))
    label: Mapped[str] = mapped_column(String(100))
    until: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class AuditRow(Base):
    """Who changed what; a server's rows go when its data is deleted."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "guild_id", "id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime]
    guild_id: Mapped[int | None] = mapped_column(BigInteger)
    actor: Mapped[int | None] = mapped_column(BigInteger)  # None: the bot itself
    action: Mapped[str] = mapped_column(String(50))
    subject: Mapped[str] = mapped_column(String(200))
    before: Mapped[str | None]
    after: Mapped[str | None]
