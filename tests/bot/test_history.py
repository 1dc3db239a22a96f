"""Looking back at predictions: pages that neither miss nor repeat a row, whatever is asked for."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bot.db import Database
from bot.errors import AxieflipError
from bot.services.history import TABLE, History, Seen, Wanted
from bot.services.journal import Entry, Journal
from bot.services.watches import Watch, Watches
from pipeline.clock import ManualClock
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Listing, OrderStatus, Part, Resolution, Slot
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import NOON, make_axie, make_forecast, make_listing, make_prediction

GUILD, ACTOR = 2**62, 7
ALL = Wanted(GUILD)


@pytest.fixture
def journal(db: Database, clock: ManualClock) -> Journal:
    return Journal(db, clock)


@pytest.fixture
def watches(db: Database, clock: ManualClock) -> Watches:
    return Watches(db, clock)


@pytest.fixture
def history(db: Database, clock: ManualClock) -> History:
    return History(db, clock)


async def watch(watches: Watches, name: str = "all", guild: int = GUILD) -> Watch:
    return await watches.add(guild, 1, name, Thresholds(), Filters(), ACTOR)


def entry(listing: Listing, *to: Watch, **over: object) -> Entry:
    return Entry(listing, make_prediction(listing, **over), to)


def hashes(rows: tuple[Seen, ...] | list[Seen]) -> list[str]:
    return [row.listing.hash for row in rows]


async def walk(history: History, wanted: Wanted, size: int) -> list[list[str]]:
    """All pages from the newest to the oldest; on the way back they are the same."""
    page = await history.page(wanted, size)
    assert page.newer is None
    pages = [hashes(page.rows)]
    while page.older is not None:
        page = await history.page(wanted, size, page.older)
        pages.append(hashes(page.rows))
    back = [pages[-1]]
    while page.newer is not None:
        page = await history.page(wanted, size, page.newer, newer=True)
        back.insert(0, hashes(page.rows))
    assert [hash_ for rows in back for hash_ in rows] == [hash_ for rows in pages for hash_ in rows]
    return pages


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
async def test_pages_show_every_prediction_once_even_those_of_one_instant(
    history: History, journal: Journal, size: int
) -> None:
    # As intake writes them: several share their time to the microsecond.
    listings = [make_listing(seen_at=NOON - timedelta(seconds=number // 4)) for number in range(13)]
    await journal.record([entry(listing) for listing in listings])
    pages = await walk(history, ALL, size)
    assert [len(page) for page in pages] == [size] * (13 // size) + [13 % size] * (13 % size > 0)
    newest_first = sorted(listings, key=lambda each: (each.seen_at, each.hash), reverse=True)
    assert [hash_ for page in pages for hash_ in page] == [each.hash for each in newest_first]


async def test_signals_are_those_of_the_server_or_of_one_watch_and_shown_once(
    history: History, journal: Journal, watches: Watches
) -> None:
    one, two, foreign = (
        await watch(watches),
        await watch(watches, "two"),
        await watch(watches, "x", GUILD + 1),
    )
    listings = [make_listing() for _ in range(4)]
    await journal.record(
        [
            entry(listings[0], one, two),
            entry(listings[1], two),
            entry(listings[2], foreign),
            entry(listings[3]),
        ]
    )
    signals = Wanted(GUILD, signals=True)
    assert await walk(history, signals, 1) == [[listings[1].hash], [listings[0].hash]]
    assert hashes((await history.page(Wanted(GUILD, watch_id=one.id))).rows) == [listings[0].hash]
    assert hashes((await history.page(Wanted(GUILD, watch_id=foreign.id))).rows) == []
    marked = {row.listing.hash for row in (await history.page(ALL)).rows if row.signalled}
    assert marked == {listings[0].hash, listings[1].hash}


async def test_predictions_are_narrowed_by_class_collection_profit_age_and_sale(
    history: History, journal: Journal, clock: ManualClock
) -> None:
    summer = tuple(Part(f"{slot}-x", slot, AxieClass.BUG, special="Summer2022") for slot in Slot)
    plain, bug, rich, old = (
        make_listing(),
        make_listing(axie=make_axie(class_=AxieClass.BUG, parts=summer)),
        make_listing(),
        make_listing(seen_at=NOON - timedelta(days=8)),
    )
    await journal.record([entry(plain), entry(bug), entry(rich, net_usd=9.0), entry(old)])
    await journal.resolve([Resolution(plain.hash, OrderStatus.MATCHED, NOON + timedelta(minutes=5))])

    async def found(**over: object) -> set[str]:
        wanted = msgspec.structs.replace(ALL, **over)
        return set(hashes((await history.page(wanted)).rows))

    assert await found() == {plain.hash, bug.hash, rich.hash}
    assert await found(class_=AxieClass.BUG) == {bug.hash}
    assert await found(collection=Collection.SUMMER) == {bug.hash}
    assert await found(min_net_usd=9.0) == {rich.hash}
    assert await found(sold=True) == {plain.hash}
    assert await found(days=9) == {plain.hash, bug.hash, rich.hash, old.hash}
    [sold] = (await history.page(msgspec.structs.replace(ALL, sold=True))).rows
    assert (sold.status, sold.ended_at) == (OrderStatus.MATCHED, NOON + timedelta(minutes=5))


async def test_the_table_has_a_value_for_each_of_its_names(
    history: History, journal: Journal, watches: Watches
) -> None:
    listing = make_listing()
    await journal.record([entry(listing, await watch(watches))])
    [row] = await history.table(ALL)
    told = dict(zip(TABLE, row, strict=True))
    assert told["listing_hash"] == listing.hash
    assert told["axie_id"] == listing.axie.id
    assert (told["ask_usd"], told["net_usd"], told["return"], told["signalled"]) == (12.5, 4.0, 0.32, True)
    assert await history.table(ALL, limit=0) == []


async def test_one_and_those_of_an_axie(history: History, journal: Journal) -> None:
    axie = make_axie()
    first = make_listing(axie=axie, seen_at=NOON - timedelta(hours=1))
    again = make_listing(axie=axie)
    await journal.record([entry(first), entry(again), entry(make_listing())])
    assert hashes(await history.of_axie(GUILD, axie.id)) == [again.hash, first.hash]
    found = await history.one(GUILD, first.hash)
    assert found is not None
    assert found.prediction == make_prediction(first)
    assert await history.one(GUILD, "0xunknown") is None


async def test_numbers_are_completed_from_the_axies_that_were_listed(
    history: History, journal: Journal
) -> None:
    axies = [replace_id(number) for number in (7, 70, 712, 7_123_456, 81)]
    await journal.record([entry(make_listing(axie=axie)) for axie in axies])
    assert await history.numbers("7") == [(7, "Beast"), (70, "Beast"), (712, "Beast"), (7_123_456, "Beast")]
    assert await history.numbers("71", limit=1) == [(712, "Beast")]
    assert {number for number, _ in await history.numbers("")} == {axie.id for axie in axies}
    for nothing in ("9", "x", "07", "1" * 11):
        assert await history.numbers(nothing) == []


def replace_id(number: int) -> object:
    return msgspec.structs.replace(make_axie(), id=number)


@pytest.mark.parametrize("cursor", ["", "x.y", "-", "f" * 30 + ".0x"])
async def test_a_cursor_that_is_none_is_a_sentence(history: History, cursor: str) -> None:
    with pytest.raises(AxieflipError, match="anew"):
        await history.page(ALL, 10, cursor)


async def test_the_prediction_of_another_model_keeps_what_it_said(history: History, journal: Journal) -> None:
    listing = make_listing()
    forecast = make_forecast(axie_id=listing.axie.id, at=NOON, model_version="v2", resale_usd=31.0)
    await journal.record([entry(listing, forecast=forecast)])
    [row] = (await history.page(ALL)).rows
    assert row.prediction.forecast.model_version == "v2"
