"""Tables of the way of a listing, from when it is seen to what came of it and of its alerts.

Migrations in `migrations/` build exactly the tables of this package; a test compares the two. Listings and
predictions keep their full JSON in `body` for an exact round trip; the other columns repeat what is searched
or filtered. Times are market time unless a column says otherwise.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.db.base import Base
from bot.db.types import RowId, TokenAmount


class AlertState(StrEnum):
    """What became of an alert. Only a pending one is ever handed out for delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"


class ListingRow(Base):
    """A listing that was seen, with the last known status of its order."""

    __tablename__ = "listings"
    __table_args__ = (
        Index(None, "seen_at"),
        Index(None, "status", "alerted", "next_check_at"),
        # Few prices fall, and most of them for a day.
        Index(
            "ix_listings_weigh_at",
            "weigh_at",
            sqlite_where=text("weigh_at IS NOT NULL"),
            postgresql_where=text("weigh_at IS NOT NULL"),
        ),
    )

    hash: Mapped[str] = mapped_column(String(80), primary_key=True)
    axie_id: Mapped[int] = mapped_column(BigInteger, index=True)
    token: Mapped[str] = mapped_column(String(8))
    base: Mapped[int] = mapped_column(TokenAmount)
    ended: Mapped[int] = mapped_column(TokenAmount)
    status: Mapped[str] = mapped_column(String(40))
    seen_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    alerted: Mapped[bool]  # somebody was told of it: its end is wanted soon
    next_check_at: Mapped[datetime]  # when its order is to be asked for, while it is open
    weigh_at: Mapped[datetime | None]  # when its falling price is worth another look, while it is open
    body: Mapped[str]


class PredictionRow(Base):
    """What the champion of the moment said about a listing."""

    __tablename__ = "predictions"
    # Each ends with what a page is cut by and narrowed by, so that only rows to be shown are looked up.
    __table_args__ = (
        Index(None, "at", "listing_hash", "net_usd"),
        Index(None, "class", "at", "listing_hash", "net_usd"),
        Index(None, "collection", "at", "listing_hash", "net_usd"),
        # Only what might pay is ever counted for thresholds: a few in a hundred of all predictions.
        Index(
            "ix_predictions_promising_at",
            "at",
            "net_usd",
            sqlite_where=text("net_usd >= 0"),
            postgresql_where=text("net_usd >= 0"),
        ),
    )

    listing_hash: Mapped[str] = mapped_column(
        ForeignKey("listings.hash", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime]
    class_: Mapped[str] = mapped_column("class", String(16))
    collection: Mapped[str | None] = mapped_column(String(16))
    model_version: Mapped[str] = mapped_column(String(100), index=True)
    ask_usd: Mapped[float]
    resale_usd: Mapped[float]
    low_usd: Mapped[float]
    high_usd: Mapped[float]
    net_usd: Mapped[float]
    return_: Mapped[float] = mapped_column("return")
    probability: Mapped[float]
    body: Mapped[str]


class PostRow(Base):
    """One message in a channel: the alerts that were recorded together for it. Times are the machine's.

    `revision` counts what happened to its alerts; `edit_at` is when the message should tell of it.
    """

    __tablename__ = "posts"
    __table_args__ = (UniqueConstraint("nonce"), Index(None, "edit_at"), Index(None, "guild_id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    guild_id: Mapped[int] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    nonce: Mapped[str] = mapped_column(String(25))
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    revision: Mapped[int]
    edit_at: Mapped[datetime | None]


class AlertRow(Base):
    """The outbox: what is to be said of one listing for one watch, in a post.

    It repeats where it goes and for which watch, so that it stays readable once the watch is gone. It
    follows its axie: `current_hash` is the newest order of the same seller for it, and `clears` whether
    that one reaches the watch's thresholds too.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("watch_id", "listing_hash"),
        Index(None, "state", "next_attempt_at"),
        Index(None, "guild_id", "state"),
        Index(None, "guild_id", "id"),
        Index(None, "watch_id", "id"),
        Index(None, "listing_hash", "guild_id"),
        Index(None, "watch_id", "queued_at"),
        Index(None, "current_hash"),
        Index(None, "post_id"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    watch_id: Mapped[int | None] = mapped_column(ForeignKey("watches.id", ondelete="SET NULL"))
    listing_hash: Mapped[str] = mapped_column(ForeignKey("predictions.listing_hash", ondelete="CASCADE"))
    current_hash: Mapped[str] = mapped_column(ForeignKey("listings.hash", ondelete="CASCADE"))
    clears: Mapped[bool]
    guild_id: Mapped[int] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    watch_name: Mapped[str] = mapped_column(String(100))
    was_usd: Mapped[float | None]  # what the seller asked in an earlier order, where that was more
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    reason: Mapped[str | None]
    late: Mapped[str | None]  # the note with which it came later than it should
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    queued_at: Mapped[datetime]  # the machine's time, like next_attempt_at: pacing is in real time
    next_attempt_at: Mapped[datetime]
    held_until: Mapped[datetime | None]  # the machine's time; set where it goes out in a digest


class ClaimRow(Base):
    """Who is on an alert: one person at a time. `at` is the machine's time."""

    __tablename__ = "claims"

    alert_id: Mapped[int] = mapped_column(
        ForeignKey("alerts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    user_id: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(100), server_default="somebody")
    at: Mapped[datetime]


class OutcomeRow(Base):
    """How an order ended, and what a purchase at its end would have come to; absent while it is open.

    `at` is when it was found to have ended, or the sale's own time where the feed of sales tells it. The
    dollars are there for sold listings that were priced: `net_usd` is a purchase at `sold_usd` sold again
    at `resale_usd` where that is known and `basis` is "resale", else at the forecast's price.
    """

    __tablename__ = "outcomes"

    listing_hash: Mapped[str] = mapped_column(
        ForeignKey("listings.hash", ondelete="CASCADE"), primary_key=True
    )
    status: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(index=True)
    axie_id: Mapped[int] = mapped_column(BigInteger, index=True)
    sold_usd: Mapped[float | None]
    net_usd: Mapped[float | None]
    basis: Mapped[str | None] = mapped_column(String(10))
    resale_usd: Mapped[float | None]
    resold_at: Mapped[datetime | None]


class PartRow(Base):
    """A part that some listed axie had, and the gene that shows as it: `tail:Beast:4`."""

    __tablename__ = "parts"

    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    gene: Mapped[str | None] = mapped_column(String(30))
