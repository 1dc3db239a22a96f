"""Predictions looked back at: the newest, narrowed and cut into pages, one axie's, or as a table.

A page begins at a cursor rather than at a row number, so that any page costs the same however far back it
is, and stays what it was while new listings arrive. Every statement here is bounded in time and led by an
index; `tests/bot/test_query_plans.py` holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased

from bot.db import Database
from bot.db.tables import AlertRow, ListingRow, OutcomeRow, PredictionRow
from bot.errors import AxieflipError
from pipeline.clock import Clock
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Listing, OrderStatus
from pipeline.signal import Prediction

Rows = Select[*tuple[Any, ...]]
MAX_DAYS = 30  # what is further back is in the database, and no answer in time
MAX_TABLE = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARK = 16  # characters of an order's hash that tell the listings of one instant apart
_AFTER_ANY = "z"  # sorts after every digit of a hash, whatever the database goes by


class Wanted(Struct, frozen=True):
    """Which predictions: of the last `days`, and None or False where it does not matter.

    `watch_id` means the signals of one watch, `signals` those of the whole server.
    """

    guild_id: int
    days: int = 7
    signals: bool = False
    watch_id: int | None = None
    class_: AxieClass | None = None
    collection: Collection | None = None
    min_net_usd: float | None = None
    sold: bool = False


class Seen(Struct, frozen=True):
    """A prediction looked back at: what was known, the order's last known status, and when it ended."""

    listing: Listing
    prediction: Prediction
    status: OrderStatus
    ended_at: datetime | None
    signalled: bool


class Page(Struct, frozen=True):
    """Some rows, newest first, and the cursors that lead on; None where there is nothing further."""

    rows: tuple[Seen, ...]
    newer: str | None
    older: str | None


TABLE = (
    "predicted_at",
    "axie_id",
    "class",
    "collection",
    "ask_usd",
    "resale_usd",
    "low_usd",
    "high_usd",
    "net_usd",
    "return",
    "probability",
    "model_version",
    "status",
    "ended_at",
    "signalled",
    "listing_hash",
)


class History:
    """Reads predictions with what came of them."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def page(
        self, wanted: Wanted, size: int = 10, cursor: str | None = None, *, newer: bool = False
    ) -> Page:
        """A page that ends before the cursor, or with `newer` the one that begins after it.

        Without a cursor it is the newest. Raises AxieflipError for a cursor that is none.
        """
        newer = newer and cursor is not None
        rows, key = self._wanted(wanted, _seen(wanted))
        if cursor is not None:
            position = _position(cursor, signals=_by_alert(wanted), after=newer)
            at = tuple_(*(literal(part, column.type) for part, column in zip(position, key, strict=True)))
            rows = rows.where(tuple_(*key) > at if newer else tuple_(*key) < at)
        rows = rows.order_by(*(column if newer else column.desc() for column in key)).limit(size + 1)
        async with self._db.reading() as session:
            found = list(await session.execute(rows))
        more, found = len(found) > size, found[:size]
        if newer:
            found.reverse()
        beyond_newer, beyond_older = (more, True) if newer else (cursor is not None, more)
        return Page(
            tuple(_row(*row[: len(_FULL)]) for row in found),
            _cursor(found[0][len(_FULL) :]) if found and beyond_newer else None,
            _cursor(found[-1][len(_FULL) :]) if found and beyond_older else None,
        )

    async def table(self, wanted: Wanted, limit: int = MAX_TABLE) -> list[Sequence[Any]]:
        """The newest rows as plain values under the names of `TABLE`."""
        columns = (
            PredictionRow.at,
            ListingRow.axie_id,
            PredictionRow.class_,
            PredictionRow.collection,
            PredictionRow.ask_usd,
            PredictionRow.resale_usd,
            PredictionRow.low_usd,
            PredictionRow.high_usd,
            PredictionRow.net_usd,
            PredictionRow.return_,
            PredictionRow.probability,
            PredictionRow.model_version,
            ListingRow.status,
            OutcomeRow.at,
            _signalled(wanted.guild_id),
            PredictionRow.listing_hash,
        )
        rows, key = self._wanted(wanted, select(*columns))
        rows = rows.order_by(*(column.desc() for column in key)).limit(limit)
        async with self._db.reading() as session:
            return [tuple(row[: len(TABLE)]) for row in await session.execute(rows)]

    async def one(self, guild_id: int, listing_hash: str) -> Seen | None:
        """The prediction about one order."""
        rows = _joined(_seen(Wanted(guild_id))).where(PredictionRow.listing_hash == listing_hash)
        async with self._db.reading() as session:
            found = (await session.execute(rows)).first()
        return None if found is None else _row(*found)

    async def of_axie(self, guild_id: int, axie_id: int, limit: int = 10) -> list[Seen]:
        """What was predicted of one axie, newest first."""
        rows = (
            _joined(_seen(Wanted(guild_id)))
            .where(ListingRow.axie_id == axie_id)
            .order_by(ListingRow.seen_at.desc())
            .limit(limit)
        )
        async with self._db.reading() as session:
            return [_row(*row) for row in await session.execute(rows)]

    async def numbers(self, typed: str, limit: int = 25) -> list[tuple[int, str]]:
        """Axies that were listed and whose number begins with what was typed, with their classes.

        The newest listed where nothing was typed.
        """
        if not typed:
            newest = (
                select(ListingRow.axie_id, PredictionRow.class_)
                .join(PredictionRow, PredictionRow.listing_hash == ListingRow.hash)
                .where(PredictionRow.at >= self._since(MAX_DAYS))
                .order_by(PredictionRow.at.desc(), PredictionRow.listing_hash.desc())
                .limit(limit)
            )
            async with self._db.reading() as session:
                return list(dict(_pairs(await session.execute(newest))).items())
        if not typed.isdecimal() or len(typed) > 10 or typed.startswith("0"):
            return []
        found: dict[int, str] = {}
        async with self._db.reading() as session:
            for digits in range(11 - len(typed)):
                first, size = int(typed) * 10**digits, 10**digits
                rows = (
                    select(ListingRow.axie_id, func.min(PredictionRow.class_))
                    .join(PredictionRow, PredictionRow.listing_hash == ListingRow.hash)
                    .where(ListingRow.axie_id >= first, ListingRow.axie_id < first + size)
                    .group_by(ListingRow.axie_id)
                    .order_by(ListingRow.axie_id)
                    .limit(limit - len(found))
                )
                found |= dict(_pairs(await session.execute(rows)))
                if len(found) >= limit:
                    break
        return list(found.items())

    def _since(self, days: int) -> datetime:
        return self._clock.now() - timedelta(days=min(days, MAX_DAYS))

    def _wanted(self, wanted: Wanted, columns: Rows) -> tuple[Rows, tuple[InstrumentedAttribute[Any], ...]]:
        """The narrowed statement, with the key that its rows are ordered by as its last columns."""
        since = self._since(wanted.days)
        key: tuple[InstrumentedAttribute[Any], ...]
        if _by_alert(wanted):
            key = (AlertRow.id,)
            rows = _joined(columns.add_columns(*key)).join(
                AlertRow, AlertRow.listing_hash == PredictionRow.listing_hash
            )
            if wanted.watch_id is not None:
                rows = rows.where(AlertRow.watch_id == wanted.watch_id, AlertRow.guild_id == wanted.guild_id)
            else:
                rows = rows.where(AlertRow.guild_id == wanted.guild_id, _first_here())
            rows = rows.where(AlertRow.created_at >= since)
        else:
            key = (PredictionRow.at, PredictionRow.listing_hash)
            rows = _joined(columns.add_columns(*key)).where(PredictionRow.at >= since)
        if wanted.class_ is not None:
            rows = rows.where(PredictionRow.class_ == wanted.class_)
        if wanted.collection is not None:
            rows = rows.where(PredictionRow.collection == wanted.collection)
        if wanted.min_net_usd is not None:
            rows = rows.where(PredictionRow.net_usd >= wanted.min_net_usd)
        if wanted.sold:
            rows = rows.where(OutcomeRow.status == OrderStatus.MATCHED)
        return rows, key


_FULL = ("listing", "prediction", "status", "ended_at", "signalled")


def _seen(wanted: Wanted) -> Rows:
    return select(
        ListingRow.body,
        PredictionRow.body,
        ListingRow.status,
        OutcomeRow.at,
        _signalled(wanted.guild_id),
    )


def _joined(rows: Rows) -> Rows:
    return (
        rows.select_from(PredictionRow)
        .join(ListingRow, ListingRow.hash == PredictionRow.listing_hash)
        .join(OutcomeRow, OutcomeRow.listing_hash == PredictionRow.listing_hash, isouter=True)
    )


def _signalled(guild_id: int) -> ColumnElement[bool]:
    alert = aliased(AlertRow)
    here = and_(alert.listing_hash == PredictionRow.listing_hash, alert.guild_id == guild_id)
    return exists().where(here).correlate(PredictionRow)


def _first_here() -> ColumnElement[bool]:
    """Of the alerts that several watches of a server have for one listing, the first."""
    alert = aliased(AlertRow)
    first = select(func.min(alert.id)).where(
        alert.listing_hash == AlertRow.listing_hash, alert.guild_id == AlertRow.guild_id
    )
    return AlertRow.id == first.correlate(AlertRow).scalar_subquery()


def _by_alert(wanted: Wanted) -> bool:
    return wanted.signals or wanted.watch_id is not None


def _row(listing: str, prediction: str, status: str, ended_at: datetime | None, signalled: bool) -> Seen:
    return Seen(
        msgspec.json.decode(listing, type=Listing),
        msgspec.json.decode(prediction, type=Prediction),
        OrderStatus(status),
        ended_at,
        bool(signalled),
    )


def _pairs(rows: Any) -> Iterator[tuple[int, str]]:
    return ((int(number), str(class_)) for number, class_ in rows)


def _cursor(key: Sequence[Any]) -> str:
    """A row's place in the order, short enough for a button."""
    if len(key) == 1:
        return f"{key[0]:x}"
    at, hash_ = key
    return f"{(at - _EPOCH) // timedelta(microseconds=1):x}.{hash_[:_MARK]}"


def _position(cursor: str, *, signals: bool, after: bool) -> tuple[Any, ...]:
    number, _, mark = cursor.partition(".")
    try:
        if signals:
            return (int(number, 16),)
        return _EPOCH + timedelta(microseconds=int(number, 16)), mark + _AFTER_ANY * after
    except (ValueError, OverflowError):
        raise AxieflipError("This page can no longer be found: ask for the predictions anew.") from None
