"""The market over time: what was sold, at which floors axies stood, and how far the model was off.

Sales come from the feed with what the champion of that moment would have said of the axie before it; so the
model's error is measured on every sale of the market, not on those alone that it had signalled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct
from sqlalchemy import func, literal_column, select

from bot.db import Database
from bot.db.lookback import FloorRow, SaleRow
from pipeline.market.groups import ALL, CRITERIA
from pipeline.market.traits import Collection, collection
from pipeline.market.values import AxieClass, Sale
from pipeline.signal import Forecast

_HOUR = 3600
MOST_CHECKED = 20_000


class Sold(Struct, frozen=True):
    """A sale with its price in dollars and what had been forecast of the axie, if anything."""

    sale: Sale
    price_usd: float
    forecast: Forecast | None


class Traded(Struct, frozen=True):
    """How many sales there were, and for how many dollars together."""

    sales: int = 0
    usd: float = 0.0


class Bucket(Struct, frozen=True):
    """What was traded in the hours from `at` on."""

    at: datetime
    traded: Traded


class Floor(Struct, frozen=True):
    """The least ask of a group at a moment, how many were for sale, and the market's level."""

    group: str
    at: datetime
    floor_usd: float | None
    listed: int | None
    level_usd: float | None


class Checked(Struct, frozen=True, array_like=True):
    """What a version had said of a sale before it, and what it was."""

    price_usd: float
    forecast_usd: float
    low_usd: float
    high_usd: float


class PastSale(Struct, frozen=True):
    """One sale of an axie that the feed told of."""

    at: datetime
    price_usd: float


class MarketView(Struct, frozen=True):
    """The market at a moment: its floors, what the last day traded, and the days before as a course."""

    floors: dict[str, Floor]
    day: Traded
    by_class: dict[AxieClass, Traded]
    by_collection: dict[Collection, Traded]
    course: list[Floor]
    volumes: list[Bucket]
    span_s: float


class Trends:
    """Sales and floors in the database. Times are the market's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def record_sales(self, sold: Sequence[Sold]) -> None:
        """Store sales; one that is stored already stays as it is."""
        if not sold:
            return
        rows = [_sale_row(each) for each in sold]
        async with self._db.session() as session:
            await session.execute(self._db.insert_or_ignore(SaleRow), rows)

    async def record_floors(self, floors: Sequence[Floor]) -> None:
        """Store what was seen of the groups at a moment."""
        if not floors:
            return
        rows = [
            {
                "group": each.group,
                "at": each.at,
                "floor_usd": each.floor_usd,
                "listed": each.listed,
                "level_usd": each.level_usd,
            }
            for each in floors
        ]
        async with self._db.session() as session:
            await session.execute(self._db.insert_or_ignore(FloorRow), rows)

    async def floors(self, groups: Iterable[str] = tuple(CRITERIA)) -> dict[str, Floor]:
        """The last floor of each group that has one."""
        found: dict[str, Floor] = {}
        async with self._db.reading() as session:
            for group in groups:
                newest = select(FloorRow).where(FloorRow.group == group).order_by(FloorRow.at.desc()).limit(1)
                if (row := await session.scalar(newest)) is not None:
                    found[group] = _floor(row)
        return found

    async def floor_history(self, group: str, since: datetime) -> list[Floor]:
        """A group's floors since a moment, oldest first."""
        rows = (
            select(FloorRow.group, FloorRow.at, FloorRow.floor_usd, FloorRow.listed, FloorRow.level_usd)
            .where(FloorRow.group == group, FloorRow.at >= since)
            .order_by(FloorRow.at)
            .limit(MOST_CHECKED)
        )
        async with self._db.reading() as session:
            return [Floor(*row) for row in await session.execute(rows)]

    async def traded(self, since: datetime, until: datetime, hours: int) -> list[Bucket]:
        """What was traded, by spans of so many whole hours since 1970, oldest first, without empty ones."""
        # Written out: PostgreSQL does not see that two bound values are the same number.
        span = SaleRow.hour.op("/")(literal_column(f"{hours:d}"))
        rows = (
            select(span, func.count(), func.sum(SaleRow.price_usd))
            .where(SaleRow.hour >= _hour(since), SaleRow.hour <= _hour(until))
            .group_by(span)
        )
        async with self._db.reading() as session:
            found = sorted((int(row[0]), row[1], row[2]) for row in await session.execute(rows))
        return [Bucket(_moment(number * hours), Traded(sales, usd)) for number, sales, usd in found]

    async def by_class(self, since: datetime) -> dict[AxieClass, Traded]:
        """What was traded since a moment, to the hour, of each class."""
        rows = (
            select(SaleRow.class_, func.count(), func.sum(SaleRow.price_usd))
            .where(SaleRow.hour >= _hour(since))
            .group_by(SaleRow.class_)
        )
        async with self._db.reading() as session:
            return {
                AxieClass(class_): Traded(sales, usd) for class_, sales, usd in await session.execute(rows)
            }

    async def by_collection(self, since: datetime) -> dict[Collection, Traded]:
        """What was traded since a moment, to the hour, of each collection; common axies are left out."""
        rows = (
            select(SaleRow.collection, func.count(), func.sum(SaleRow.price_usd))
            .where(SaleRow.hour >= _hour(since), SaleRow.collection.is_not(None))
            .group_by(SaleRow.collection)
        )
        async with self._db.reading() as session:
            return {
                Collection(kind): Traded(sales, usd)
                for kind, sales, usd in await session.execute(rows)
                if kind is not None
            }

    async def checked(self, version: str, since: datetime) -> list[Checked]:
        """The sales since a moment, to the hour, that a version had forecast."""
        rows = (
            select(SaleRow.price_usd, SaleRow.forecast_usd, SaleRow.low_usd, SaleRow.high_usd)
            .where(SaleRow.model_version == version, SaleRow.hour >= _hour(since))
            .order_by(SaleRow.hour.desc())
            .limit(MOST_CHECKED)
        )
        async with self._db.reading() as session:
            return [msgspec.convert(tuple(row), Checked) for row in await session.execute(rows)]

    async def view(self, now: datetime, back: timedelta) -> MarketView:
        """All that there is to say of the market at a moment, with its course over some days before."""
        day_ago, hours = now - timedelta(days=1), 24 if back > timedelta(days=4) else 3
        by_class = await self.by_class(day_ago)
        return MarketView(
            floors=await self.floors(),
            day=Traded(
                sum(each.sales for each in by_class.values()), sum(each.usd for each in by_class.values())
            ),
            by_class=by_class,
            by_collection=await self.by_collection(day_ago),
            course=await self.floor_history(ALL, now - back),
            volumes=await self.traded(now - back, now, hours),
            span_s=hours * _HOUR,
        )

    async def of_axie(self, axie_id: int, limit: int = 10) -> list[PastSale]:
        """The last sales of an axie, newest first."""
        rows = (
            select(SaleRow.at, SaleRow.price_usd)
            .where(SaleRow.axie_id == axie_id)
            .order_by(SaleRow.at.desc())
            .limit(limit)
        )
        async with self._db.reading() as session:
            return [PastSale(*row) for row in await session.execute(rows)]


def _sale_row(sold: Sold) -> dict[str, object]:
    sale, told = sold.sale, sold.forecast
    return {
        "id": sale.id[:120],
        "at": sale.sold_at,
        "hour": _hour(sale.sold_at),
        "axie_id": sale.axie.id,
        "class": sale.axie.class_,
        "collection": collection(sale.axie),
        "price_usd": sold.price_usd,
        "seller": sale.seller,
        "forecast_usd": told.resale_usd if told else None,
        "low_usd": told.low_usd if told else None,
        "high_usd": told.high_usd if told else None,
        "model_version": told.model_version if told else None,
    }


def _floor(row: FloorRow) -> Floor:
    return Floor(row.group, row.at, row.floor_usd, row.listed, row.level_usd)


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // _HOUR


def _moment(hour: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(hours=hour)
