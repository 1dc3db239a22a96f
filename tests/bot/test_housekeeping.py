"""What is older than is kept goes, a slice at a time, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, update

from bot.db import Database
from bot.db.lookback import AnnouncementRow, FloorRow, SaleRow
from bot.db.tables import AlertRow, OutcomeRow, PostRow
from bot.services import housekeeping
from bot.services.announcements import Announcements, Said
from bot.services.housekeeping import Housekeeping
from bot.services.journal import Entry, Journal
from bot.services.watches import Watches
from bot.waiting import machine_time
from pipeline.clock import ManualClock
from pipeline.market.groups import ALL
from pipeline.market.values import OrderStatus, Resolution
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import NOON, make_axie, make_listing, make_prediction
from tests.bot.plans import plan, scans, statements
from tests.bot.stored import stored

DAYS = 100
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def sold(db: Database, at: datetime) -> None:
    row = {
        "id": f"sale {at}",
        "at": at,
        "hour": int(at.timestamp() // 3600),
        "axie_id": 7,
        "class": "Beast",
        "price_usd": 5.0,
    }
    async with db.session() as session:
        await session.execute(insert(SaleRow.__table__).values(row))  # type: ignore[arg-type]


async def stood(db: Database, at: datetime, group: str = ALL) -> None:
    async with db.session() as session:
        await session.execute(insert(FloorRow).values(group=group, at=at, floor_usd=2.0))


async def kept(db: Database) -> tuple[list[datetime], list[datetime]]:
    async with db.reading() as session:
        sales = await session.scalars(select(SaleRow.at).order_by(SaleRow.at))
        floors = await session.scalars(select(FloorRow.at).order_by(FloorRow.at))
        return list(sales), list(floors)


async def test_what_is_older_than_is_kept_goes_and_the_rest_stays(db: Database, clock: ManualClock) -> None:
    oldest = NOON - DAYS * DAY
    times = [oldest - 300 * DAY, oldest - 30 * DAY, oldest - HOUR, oldest + HOUR, NOON]
    for at in times:
        await sold(db, at)
        await stood(db, at)
    keeping = Housekeeping(db, clock, DAYS)
    for _ in range(3):
        assert await keeping.turn() == housekeeping.SOON_S
    assert await keeping.turn() == housekeeping.EVERY_S
    assert await kept(db) == (times[3:], times[3:])


async def test_a_turn_takes_no_more_than_a_slice(db: Database, clock: ManualClock) -> None:
    oldest = NOON - 400 * DAY
    for n in range(24):
        await sold(db, oldest + n * HOUR)
    await Housekeeping(db, clock, DAYS).turn()
    sales, _ = await kept(db)
    assert len(sales) == 18


async def test_what_was_said_long_ago_goes_and_what_waits_stays(db: Database, clock: ManualClock) -> None:
    announcements = Announcements(db)
    await announcements.say([Said(key, 1, 2, "condition", {}) for key in ("told", "failed", "waits")])
    told, failed, _ = await announcements.due()
    await announcements.delivered(told.id, 5)
    await announcements.undeliverable(failed, "the channel is gone")
    keeping = Housekeeping(db, clock, DAYS)
    await keeping.turn()
    assert len(await every(db)) == 3
    async with db.session() as session:
        long_ago = machine_time() - (DAYS + 1) * DAY
        await session.execute(update(AnnouncementRow).values(next_attempt_at=long_ago))
    await keeping.turn()
    assert await every(db) == ["waits"]


async def every(db: Database) -> list[str]:
    async with db.reading() as session:
        return list(await session.scalars(select(AnnouncementRow.key).order_by(AnnouncementRow.key)))


async def listed(db: Database, clock: ManualClock, *ages: timedelta) -> None:
    """Listings of those ages, each with a prediction, an outcome and an alert; one page, so one post."""
    watch = await Watches(db, clock).add(2**62, 1, "all", Thresholds(), Filters(), 7)
    rows = [
        make_listing(hash=f"0x{n}", axie=make_axie(id=n + 1), seen_at=NOON - age)
        for n, age in enumerate(ages)
    ]
    journal = Journal(db, clock)
    await journal.record([Entry(row, make_prediction(row), (watch,)) for row in rows])
    await journal.resolve([Resolution(row.hash, OrderStatus.CANCELLED, NOON) for row in rows])


async def rows_of(db: Database) -> tuple[int, int, int, int]:
    """How many listings with a prediction, alerts, outcomes and posts there are."""
    priced = sum(each.prediction is not None for each in await stored(db))
    async with db.reading() as session:
        counted = [
            await session.scalar(select(func.count()).select_from(table)) or 0
            for table in (AlertRow, OutcomeRow, PostRow)
        ]
    return priced, counted[0], counted[1], counted[2]


async def test_an_old_listing_goes_with_all_that_hangs_on_it(
    db: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await listed(db, clock, 300 * DAY, (DAYS + 1) * DAY, (DAYS - 1) * DAY)
    monkeypatch.setattr(housekeeping, "_LISTINGS", 1)
    keeping = Housekeeping(db, clock, DAYS)
    left = [await rows_of(db)]
    for _ in range(3):
        await keeping.turn()
        left.append(await rows_of(db))
    assert left == [(3, 3, 3, 1), (2, 2, 2, 1), (1, 1, 1, 1), (1, 1, 1, 1)]
    clock.advance(2 * DAY.total_seconds())
    await keeping.turn()
    assert await rows_of(db) == (0, 0, 0, 0)


async def test_nothing_of_it_reads_a_whole_table(db: Database, clock: ManualClock) -> None:
    await sold(db, NOON - 400 * DAY)
    await stood(db, NOON - 400 * DAY)
    await listed(db, clock, 400 * DAY)
    with statements(db) as sent:
        await Housekeeping(db, clock, DAYS).turn()
    assert sum("DELETE" in statement for statement, _ in sent) == 4
    for statement, values in sent:
        assert scans(await plan(db, statement, values)) == [], statement


@pytest.mark.parametrize("count", [0, 1])
async def test_an_empty_or_young_database_is_left_alone(db: Database, clock: ManualClock, count: int) -> None:
    for _ in range(count):
        await sold(db, NOON)
    assert await Housekeeping(db, clock, DAYS).turn() == housekeeping.EVERY_S
    assert len((await kept(db))[0]) == count
