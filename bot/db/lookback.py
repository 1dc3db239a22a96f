"""Tables of what is looked back at: sales and floors of the market, what was said to operators, digests.

Apart from `tables.py` because nothing of them is on the way of a listing. Times are market time unless a
column says otherwise.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.base import Base
from bot.db.types import RowId


class SaleRow(Base):
    """A sale of the feed, with what the champion of that moment would have said of the axie before it.

    `hour` counts since 1970, so that sums by hour and day are the same on both databases.
    """

    __tablename__ = "sales"
    __table_args__ = (
        Index(None, "hour", "class", "collection", "price_usd"),
        Index(None, "model_version", "hour"),
    )

    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    at: Mapped[datetime]
    hour: Mapped[int]
    axie_id: Mapped[int] = mapped_column(BigInteger, index=True)
    class_: Mapped[str] = mapped_column("class", String(16))
    collection: Mapped[str | None] = mapped_column(String(16))
    price_usd: Mapped[float]
    seller: Mapped[str | None] = mapped_column(String(80))
    forecast_usd: Mapped[float | None]
    low_usd: Mapped[float | None]
    high_usd: Mapped[float | None]
    model_version: Mapped[str | None] = mapped_column(String(100))


class FloorRow(Base):
    """The least ask of a group of axies at a moment, and how many of them were for sale.

    A group is `all`, `class:<class>` or `collection:<collection>`. The level is the market's, in dollars,
    as the champion follows it.
    """

    __tablename__ = "floors"

    group: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    floor_usd: Mapped[float | None]
    listed: Mapped[int | None]
    level_usd: Mapped[float | None]


class AnnouncementRow(Base):
    """The outbox of what is no alert: each key is said once, in a channel or to a person directly.

    All times are the machine's.
    """

    __tablename__ = "announcements"
    __table_args__ = (Index(None, "state", "next_attempt_at"), Index(None, "guild_id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    guild_id: Mapped[int] = mapped_column(BigInteger)
    channel_id: Mapped[int | None] = mapped_column(BigInteger)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[str]
    nonce: Mapped[str] = mapped_column(String(25))
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]


class ConditionRow(Base):
    """Something that is wrong with the bot as a whole, until it is mended. Times are the machine's."""

    __tablename__ = "conditions"
    __table_args__ = (Index(None, "mended_at", "key"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    key: Mapped[str] = mapped_column(String(60))
    detail: Mapped[str]
    opened_at: Mapped[datetime]
    mended_at: Mapped[datetime | None]


class DigestRow(Base):
    """A watch's daily digest: at which hour of the server's day, and when it is due next."""

    __tablename__ = "digests"

    watch_id: Mapped[int] = mapped_column(
        ForeignKey("watches.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    hour: Mapped[int]
    next_at: Mapped[datetime] = mapped_column(index=True)
