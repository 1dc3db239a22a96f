"""What alerts came to on paper: the sale's own time, the resale that was seen, and rows to look back at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.db import Database
from bot.db.lookback import SaleRow
from bot.services.journal import Entry, Journal
from bot.services.ledger import Basis, Ledger, LedgerRow, net_on_paper
from bot.services.outbox import Outbox
from bot.services.watches import Watch, Watches
from pipeline.clock import ManualClock
from pipeline.market.values import Listing, OrderStatus, Resolution
from pipeline.signal import Filters, Thresholds
from tests.bot.factories import NOON, make_axie, make_forecast, make_listing, make_prediction

GUILD = 7
FEE = 0.0525
NEXT = iter(range(10_000))


class Book:
    """A server with a watch whose alerts are delivered, and a feed of sales."""

    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.db, self.clock = db, clock
        self.journal, self.outbox, self.ledger = Journal(db, clock), Outbox(db, clock), Ledger(db, clock)
        self.watches = Watches(db, clock)

    async def watch(self, name: str = "all") -> Watch:
        return await self.watches.add(GUILD, 1, name, Thresholds(), Filters(), 3)

    async def alert(self, *watches: Watch, **over: Any) -> Listing:
        listing = make_listing(**over)
        forecast = make_forecast(axie_id=listing.axie.id)
        entry = Entry(listing, make_prediction(listing, forecast=forecast), watches)
        await self.journal.record([entry])
        for post in await self.outbox.due():
            await self.outbox.delivered(post.id, [alert.id for alert in post.alerts], 77)
        return listing

    async def ends(self, listing: Listing, status: OrderStatus, minutes: float = 30) -> None:
        at = NOON + timedelta(minutes=minutes)
        await self.journal.resolve([Resolution(listing.hash, status, at)])

    async def sale(self, listing: Listing, minutes: float, usd: float, seller: str | None) -> None:
        at = NOON + timedelta(minutes=minutes)
        row = SaleRow(
            id=f"sale {next(NEXT)}",
            at=at,
            hour=int(at.timestamp() // 3600),
            axie_id=listing.axie.id,
            class_="Beast",
            price_usd=usd,
            seller=seller,
        )
        async with self.db.session() as session:
            session.add(row)

    async def only(self) -> LedgerRow:
        (row,) = await self.ledger.rows(GUILD)
        return row


@pytest.fixture
def book(db: Database, clock: ManualClock) -> Book:
    return Book(db, clock)


async def test_a_row_tells_what_was_promised_while_the_axie_is_for_sale(book: Book) -> None:
    watch = await book.watch()
    listing = await book.alert(watch)
    row = await book.only()
    assert (row.axie_id, row.listing_hash) == (None, listing.hash)
    assert (row.ask_usd, row.resale_usd, row.net_usd, row.probability) == (12.5, 20.0, 4.0, 0.93)
    assert (row.watch_id, row.watch_name, row.alerted_at) == (watch.id, "all", NOON)
    assert (row.status, row.sold, row.sold_after_s, row.paper_net_usd) == (
        OrderStatus.OPEN,
        False,
        None,
        None,
    )
    assert await book.ledger.row(row.alert_id) == row
    assert await book.ledger.row(10**6) is None


async def test_a_sold_listing_is_reckoned_with_the_forecast_until_a_resale_is_seen(book: Book) -> None:
    listing = await book.alert(await book.watch())
    await book.ends(listing, OrderStatus.MATCHED)
    row = await book.only()
    assert (row.sold, row.sold_usd, row.basis) == (True, 12.5, Basis.FORECAST)
    assert row.paper_net_usd == pytest.approx(20 * (1 - FEE) - 12.5 - 0.01)
    assert row.sold_after_s == 1800


async def test_the_feed_tells_when_exactly_it_was_sold_and_what_it_was_sold_for_next(book: Book) -> None:
    listing = await book.alert(await book.watch())
    await book.ends(listing, OrderStatus.MATCHED)
    await book.sale(listing, 22, 12.5, listing.seller.upper().replace("0X", "0x"))
    await book.sale(listing, 300, 16.0, "0xflipper")
    await book.sale(listing, 900, 99.0, "0xnext")
    assert await book.ledger.reconcile() == 1
    row = await book.only()
    assert (row.sold_after_s, row.resold_usd, row.basis) == (22 * 60, 16.0, Basis.RESALE)
    assert row.resold_at == NOON + timedelta(minutes=300)
    assert row.paper_net_usd == pytest.approx(16 * (1 - FEE) - 12.5 - 0.01)
    assert await book.ledger.reconcile() == 0


async def test_sales_that_the_feed_told_before_the_order_was_asked_for_count_too(book: Book) -> None:
    listing = await book.alert(await book.watch())
    await book.sale(listing, 5, 12.5, listing.seller)
    await book.sale(listing, 9, 15.0, "0xflipper")
    await book.ends(listing, OrderStatus.MATCHED)
    row = await book.only()
    assert (row.sold_after_s, row.resold_usd) == (300, 15.0)


async def test_a_sale_without_a_seller_s_name_is_a_resale_only_after_the_order_had_ended(book: Book) -> None:
    listing = await book.alert(await book.watch())
    await book.ends(listing, OrderStatus.MATCHED)
    await book.sale(listing, 20, 12.5, None)
    await book.ledger.reconcile()
    assert (await book.only()).basis is Basis.FORECAST
    await book.sale(listing, 60, 14.0, None)
    await book.ledger.reconcile()
    assert (await book.only()).resold_usd == 14.0


async def test_sales_of_long_ago_and_of_other_axies_are_nothing_to_it(book: Book) -> None:
    listing = await book.alert(await book.watch())
    other = make_listing()
    await book.ends(listing, OrderStatus.MATCHED)
    await book.sale(listing, -60, 3.0, "0xolder")
    await book.sale(other, 60, 50.0, "0xflipper")
    await book.ledger.reconcile()
    assert (await book.only()).basis is Basis.FORECAST


async def test_a_listing_that_was_not_sold_has_no_result(book: Book) -> None:
    listing = await book.alert(await book.watch())
    await book.ends(listing, OrderStatus.CANCELLED)
    await book.sale(listing, 60, 50.0, "0xflipper")
    await book.ledger.reconcile()
    row = await book.only()
    assert (row.status, row.paper_net_usd, row.resold_usd) == (OrderStatus.CANCELLED, None, None)
    assert row.sold_after_s is None


async def test_an_auction_is_bought_at_the_price_it_had_fallen_to(book: Book) -> None:
    listing = await book.alert(
        await book.watch(),
        base=10**16,
        ended=2 * 10**15,
        started_at=NOON,
        ended_at=NOON + timedelta(hours=1),
    )
    await book.ends(listing, OrderStatus.MATCHED, minutes=30)
    assert (await book.only()).sold_usd == pytest.approx(12.5 * 0.6)


async def test_the_outcome_of_a_new_price_belongs_to_the_alert_that_it_follows(book: Book) -> None:
    watch = await book.watch()
    axie = make_axie()
    await book.alert(watch, axie=axie)
    later = {"axie": axie, "started_at": NOON + timedelta(minutes=3), "seen_at": NOON + timedelta(minutes=3)}
    newer = await book.alert(watch, base=4 * 10**15, **later)
    await book.ends(newer, OrderStatus.MATCHED)
    row = await book.only()
    assert row.sold
    assert row.listing_hash != newer.hash


async def test_rows_are_narrowed_by_watch_time_and_number_and_newest_first(
    book: Book, clock: ManualClock
) -> None:
    one, two = await book.watch("one"), await book.watch("two")
    first = await book.alert(one)
    clock.advance(3600)
    second = await book.alert(two)
    rows = await book.ledger.rows(GUILD)
    assert [row.listing_hash for row in rows] == [second.hash, first.hash]
    assert [row.listing_hash for row in await book.ledger.rows(GUILD, limit=1)] == [second.hash]
    assert [r.listing_hash for r in await book.ledger.rows(GUILD, watch_id=one.id)] == [first.hash]
    since = NOON + timedelta(minutes=1)
    assert [r.listing_hash for r in await book.ledger.rows(GUILD, since=since)] == [second.hash]
    assert await book.ledger.rows(GUILD + 1) == []


async def test_what_was_never_delivered_is_no_row(book: Book) -> None:
    listing = make_listing()
    await book.journal.record([Entry(listing, make_prediction(listing), (await book.watch(),))])
    assert await book.ledger.rows(GUILD) == []


@given(ask=st.floats(0.01, 1e5), resale=st.floats(0.01, 1e6), fee=st.floats(0, 0.2), gas=st.floats(0, 1))
def test_a_result_on_paper_never_beats_the_price_it_is_sold_for(
    ask: float, resale: float, fee: float, gas: float
) -> None:
    listing = make_listing()
    prediction = make_prediction(listing, fee=fee, gas_usd=gas)
    net = net_on_paper(prediction, resale, ask)
    assert net <= resale - ask + 1e-9
    assert net == pytest.approx(resale * (1 - fee) - ask - gas, abs=1e-6)
