import asyncio
from datetime import timedelta

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pipeline.market.errors import MarketUnavailable
from pipeline.market.watcher import PENDING_FOR, Watcher
from pipeline.market.watching import Batch, WatcherSettings
from tests.pipeline.market.feed import Feed, Order

NEVER = timedelta(0)
SETTINGS = WatcherSettings(size=10, overlap=4, margin=4, max_pages=6, look_back=NEVER)


def watcher(feed: Feed, *known: str, settings: WatcherSettings = SETTINGS) -> Watcher:
    return Watcher(feed, feed.clock, known=known, settings=settings)


async def turn(watcher: Watcher) -> Batch:
    batch = await watcher.poll()
    watcher.acknowledge(batch)
    return batch


def hashes(batch: Batch) -> list[str]:
    return [listing.hash for listing in batch.listings]


def of(orders: list[Order]) -> list[str]:
    return [order.listing.hash for order in orders]


async def test_a_cold_start_takes_one_page_oldest_first_and_is_no_gap() -> None:
    feed = Feed()
    made = feed.list_many(50)
    batch = await turn(watcher(feed))
    assert hashes(batch) == of(made[-10:])
    assert (batch.gap, batch.pages, feed.offsets) == (None, 1, [0])


async def test_only_what_is_new_comes_oldest_first_and_once() -> None:
    feed = Feed(shuffle=2)
    feed.list_many(30)
    watching = watcher(feed)
    await turn(watching)
    made = feed.list_many(3)
    assert hashes(await turn(watching)) == of(made)
    assert hashes(await turn(watching)) == []


async def test_a_batch_that_could_not_be_stored_comes_again() -> None:
    feed = Feed()
    feed.list_many(30)
    watching = watcher(feed)
    first = await watching.poll()
    assert await watching.poll() == first
    watching.acknowledge(first)
    assert hashes(await watching.poll()) == []


async def test_after_a_burst_it_reads_on_until_pages_overlap_with_what_it_knows() -> None:
    feed = Feed(shuffle=2)
    feed.list_many(30)
    watching = watcher(feed)
    await turn(watching)
    made = feed.list_many(24)
    batch = await turn(watching)
    assert hashes(batch) == of(made)
    assert (batch.pages, batch.gap) == (5, None)


async def test_one_known_row_alone_does_not_end_the_reading() -> None:
    feed = Feed()
    old = feed.list_many(30)
    watching = watcher(feed)
    await turn(watching)
    made = feed.list_many(12)
    feed.orders.insert(3, feed.orders.pop(feed.orders.index(old[-1])))  # it strays upwards
    assert hashes(await turn(watching)) == of(made)


async def test_old_and_new_of_one_second_in_any_order_are_not_missed() -> None:
    feed = Feed()
    feed.list_many(40)
    first, rest = feed.list_many(3), feed.list_many(12)
    now = feed.clock.now()
    same = [
        Order(msgspec.structs.replace(order.listing, started_at=now, hash=f"same-{i}"))
        for i, order in enumerate(first + rest)
    ]
    feed.orders = same[3:] + feed.orders[15:]
    watching = watcher(feed)
    await turn(watching)
    # The known ones of that second now stand where a page ends, and new ones behind them.
    late = [Order(msgspec.structs.replace(order.listing, hash=f"late-{i}")) for i, order in enumerate(same)]
    feed.orders = same[3:] + late + feed.orders[12:]
    assert {*hashes(await turn(watching))} >= {order.listing.hash for order in late}


async def test_a_row_that_came_far_down_is_found_by_looking_back() -> None:
    feed = Feed()
    feed.list_many(60)
    settings = WatcherSettings(size=10, overlap=4, margin=4, max_pages=20, look_back=timedelta(seconds=90))
    watching = watcher(feed, settings=settings)
    await turn(watching)
    feed.list_many(45)
    await turn(watching)
    hidden = feed.list_one()
    feed.orders.insert(30, feed.orders.pop(0))
    found = hashes(await turn(watching))
    for _ in range(20):
        feed.list_many(3)
        found += hashes(await turn(watching))
    assert hidden.listing.hash in found


async def test_after_an_outage_it_looks_back_from_where_it_had_got_to() -> None:
    feed = Feed()
    feed.list_many(60)
    settings = WatcherSettings(size=10, overlap=4, margin=4, max_pages=20, look_back=timedelta(seconds=20))
    watching = watcher(feed, settings=settings)
    await turn(watching)
    hidden = feed.list_one()
    feed.orders.insert(15, feed.orders.pop(0))
    feed.list_many(30)
    found = [hash_ for _ in range(12) for hash_ in hashes(await turn(watching))]
    assert hidden.listing.hash in found


async def test_rows_that_slip_up_between_pages_are_not_missed() -> None:
    feed = Feed()
    feed.list_many(40)
    watching = watcher(feed)
    await turn(watching)
    made = feed.list_many(20)

    def sold() -> None:
        feed.between = lambda: None
        del feed.orders[:8]  # twice the margin

    feed.between = sold
    batch = await turn(watching)
    assert set(of(made)) <= set(hashes(batch))
    assert batch.gap is None
    assert sorted(feed.offsets) != feed.offsets, "it stepped back"


async def test_rows_that_slide_down_between_pages_come_once() -> None:
    feed = Feed()
    feed.list_many(40)
    watching = watcher(feed)
    await turn(watching)
    made = feed.list_many(14)
    feed.between = lambda: feed.list_many(3) and None
    got = hashes(await turn(watching))
    assert len(got) == len(set(got))
    assert set(of(made)) <= set(got)
    feed.between = lambda: None
    later = hashes(await turn(watching))
    assert sorted(got + later) == sorted(f"hash-{n}" for n in range(41, feed.made + 1))


async def test_more_than_it_may_read_is_a_gap_with_an_estimate() -> None:
    feed = Feed()
    feed.list_many(40)
    watching = watcher(feed)
    await turn(watching)
    feed.list_many(200)
    batch = await turn(watching)
    read = len(batch.listings)
    assert batch.pages == 6
    assert batch.gap is not None
    assert batch.gap.estimate == pytest.approx(200 - read, abs=3)
    assert batch.gap.since is not None
    assert batch.gap.until == batch.listings[0].started_at
    assert (await turn(watching)).gap is None, "told once"


async def test_the_marketplaces_offset_cap_is_a_gap_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.market.watcher.OFFSET_CAP", 20)
    feed = Feed(cap=20)
    feed.list_many(40)
    watching = watcher(feed)
    await turn(watching)
    feed.list_many(60)
    batch = await watching.poll()
    assert batch.gap is not None
    assert "20 rows" in batch.gap.reason
    assert max(feed.offsets) < 20


async def test_a_new_watcher_goes_on_from_what_was_stored() -> None:
    feed = Feed()
    feed.list_many(40)
    stored = hashes(await turn(watcher(feed)))
    made = feed.list_many(15)
    batch = await turn(watcher(feed, *stored))
    assert hashes(batch) == of(made)
    assert batch.gap is None


async def test_a_small_market_ends_without_a_gap() -> None:
    feed = Feed(tells_total=False)
    watching = watcher(feed)
    assert hashes(await turn(watching)) == []
    made = feed.list_many(3)
    assert hashes(await turn(watching)) == of(made)
    feed.orders.clear()
    made = feed.list_many(12)
    batch = await turn(watching)
    assert (hashes(batch), batch.gap) == (of(made), None)


async def test_a_relisted_axie_is_a_new_order() -> None:
    feed = Feed()
    feed.list_many(20)
    watching = watcher(feed)
    await turn(watching)
    feed.orders = [order for order in feed.orders if order.listing.axie.id != 15]
    again = feed.list_one(axie_id=15)
    assert hashes(await turn(watching)) == [again.listing.hash]


async def test_an_order_that_was_null_comes_when_it_is_shown() -> None:
    feed = Feed()
    feed.list_many(20)
    watching = watcher(feed)
    await turn(watching)
    late = feed.list_one(null=True)
    assert hashes(await turn(watching)) == []
    late.null = False
    assert hashes(await turn(watching)) == [late.listing.hash]
    assert feed.asked == [], "it was still on the page"


async def test_an_order_that_was_null_is_found_by_its_axie_after_it_fell_off_the_page() -> None:
    feed = Feed()
    feed.list_many(20)
    watching = watcher(feed)
    await turn(watching)
    late = feed.list_one(null=True)
    await turn(watching)
    for _ in range(3):
        feed.list_many(6)
        await turn(watching)
    late.null = False
    feed.down_for_axies = True
    for _ in range(6):
        assert hashes(await turn(watching)) == [], "the pages matter more than the missing answer"
    feed.down_for_axies = False
    first = await watching.poll()
    assert hashes(first) == [late.listing.hash]
    assert hashes(await watching.poll()) == [late.listing.hash], "not stored, so it comes again"
    watching.acknowledge(first)
    asked = len(feed.asked)
    for _ in range(4):
        assert hashes(await turn(watching)) == []
    assert len(feed.asked) == asked, "nobody asks for it any more"


async def test_an_order_that_stays_null_is_asked_for_ever_more_seldom_and_then_given_up() -> None:
    feed = Feed()
    feed.list_one(null=True)
    feed.list_many(20)
    watching = watcher(feed)
    feed.list_one(null=True)
    await turn(watching)
    feed.list_many(12)
    for _ in range(30):
        await turn(watching)
    assert 3 <= len(feed.asked) <= 5
    feed.clock.advance(PENDING_FOR / timedelta(seconds=1) + 1)
    asked = len(feed.asked)
    for _ in range(30):
        await turn(watching)
    assert len(feed.asked) == asked


async def test_a_row_that_cannot_be_read_is_told_once_and_listed_once_it_can() -> None:
    feed = Feed()
    feed.list_many(20)
    watching = watcher(feed)
    await turn(watching)
    broken = feed.list_one(bad=True)
    assert [row.hash for row in (await watching.poll()).rejected] == [broken.listing.hash]
    assert [row.hash for row in (await turn(watching)).rejected] == [broken.listing.hash]
    assert (await turn(watching)).rejected == ()
    broken.bad = False
    assert hashes(await turn(watching)) == [broken.listing.hash]


async def test_rows_that_can_never_be_read_do_not_make_it_page_for_ever() -> None:
    feed = Feed()
    for _ in range(40):
        feed.list_one(bad=True)
    watching = watcher(feed)
    feed.list_many(4)
    await turn(watching)
    feed.offsets.clear()
    await turn(watching)
    assert feed.offsets == [0]


async def test_a_failure_halfway_loses_nothing() -> None:
    feed = Feed()
    feed.list_many(30)
    watching = watcher(feed)
    await turn(watching)
    made = feed.list_many(20)
    feed.fail_from_page = 1
    with pytest.raises(MarketUnavailable):
        await watching.poll()
    feed.fail_from_page = None
    assert hashes(await turn(watching)) == of(made)


async def test_its_memory_is_bounded_but_keeps_what_is_still_on_the_page() -> None:
    feed = Feed()
    feed.list_many(10)
    watching = watcher(
        feed, settings=WatcherSettings(size=10, overlap=2, margin=4, remember=30, look_back=NEVER)
    )
    pinned = (await turn(watching)).listings[0].hash
    for _ in range(40):
        feed.list_many(3)
        stays = next(o for o in feed.orders if o.listing.hash == pinned)
        feed.orders.remove(stays)
        feed.orders.insert(2, stays)
        got = hashes(await turn(watching))
        assert len(got) == 3
        assert pinned not in got
    assert len(watching._known) == 30


async def test_the_pace_follows_the_market_and_the_budget() -> None:
    feed = Feed()
    feed.list_many(30)
    watching = watcher(
        feed,
        settings=WatcherSettings(
            min_interval=2, max_interval=15, size=10, overlap=4, margin=4, look_back=NEVER
        ),
    )

    async def after(seconds: float, new: int) -> float:
        feed.time += seconds
        feed.list_many(new)
        return (await turn(watching)).delay

    assert await after(1, 0) == 2.0, "nothing is known of the pace yet"
    for _ in range(30):
        quiet = await after(10, 0)
    assert quiet == 15.0
    for _ in range(30):
        steady = await after(10, 1)
    assert steady == pytest.approx(5.0, rel=0.1), "half a listing a poll"
    assert await after(5, 9) == 2.0, "a burst is followed closely"
    feed.budget.interval = 40.0
    assert await after(5, 0) == 40.0, "the budget has the last word"


class Watching(RuleBasedStateMachine):
    """Whatever happens to the feed, what stays visible is stored exactly once."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stored: list[str] = []
        self.excused: set[str] = set()

    @initialize(
        start=st.sampled_from([0, 3, 12, 40]), seed=st.integers(0, 99), shuffle=st.sampled_from([0, 0, 2])
    )
    def open(self, start: int, seed: int, shuffle: int) -> None:
        self.feed = Feed(seed=seed, shuffle=shuffle)
        self.feed.list_many(start)
        self.watcher = watcher(self.feed)
        self.poll(True, [], 0, False)

    @rule(count=st.sampled_from([1, 2, 6, 12, 12, 20, 25]), nulls=st.sampled_from([0, 0, 1, 2]))
    def list_new(self, count: int, nulls: int) -> None:
        for number in range(count):
            self.feed.list_one(null=number < nulls)

    @rule(places=st.lists(st.integers(0, 40), max_size=6))
    def sell(self, places: list[int]) -> None:
        for place in places:
            if place < len(self.feed.orders):
                del self.feed.orders[place]

    @rule(burst=st.sampled_from([0, 12, 20]))
    def list_late(self, burst: int) -> None:
        self.feed.list_one(null=True)
        self.poll(True, [], 0, False)
        self.feed.list_many(burst)

    @rule()
    def show_late_orders(self) -> None:
        for order in self.feed.orders:
            order.null = False

    @rule(
        stores=st.sampled_from([True, True, True, False]),
        sold=st.lists(st.sampled_from([0, 3, 6, 9]), max_size=3),
        listed=st.sampled_from([0, 0, 1, 3]),
        fails=st.sampled_from([False, False, False, True]),
    )
    def poll(self, stores: bool, sold: list[int], listed: int, fails: bool) -> None:
        def shift() -> None:
            for count in sold[:1]:
                del self.feed.orders[:count]
                sold.pop(0)
            self.feed.list_many(listed)

        self.feed.between = shift
        self.feed.fail_from_page = 1 if fails else None
        visible = {order.listing.hash for order in self.feed.orders if not order.null}
        cold = not self.stored
        try:
            batch = self.runner.run(self.watcher.poll())
        except MarketUnavailable:
            return
        finally:
            self.feed.fail_from_page = None
            self.feed.between = lambda: None
        got = hashes(batch)
        assert len(got) == len(set(got)), "twice in one batch"
        assert not set(got) & set(self.stored), "stored before"
        starts = [listing.started_at for listing in batch.listings]
        assert starts == sorted(starts), "oldest first"
        if not stores:
            return
        self.watcher.acknowledge(batch)
        self.stored += got
        # What was null may have sunk below the pages; it is found by its axie, by and by.
        late = {o.listing.hash for o in self.feed.orders if o.listing.axie.id in self.watcher._pending}
        still = {order.listing.hash for order in self.feed.orders}
        if cold or batch.gap is not None:
            self.excused |= still - set(self.stored) - late
        assert (visible & still) <= set(self.stored) | self.excused | late

    @rule()
    def restart(self) -> None:
        # A new process does not know which axies the old one was waiting for.
        waiting = self.watcher._pending
        self.excused |= {o.listing.hash for o in self.feed.orders if o.listing.axie.id in waiting}
        self.watcher = watcher(self.feed, *self.stored)

    def teardown(self) -> None:
        try:
            self.show_late_orders()
            for _ in range(20):
                self.poll(True, [], 0, False)
            visible = {order.listing.hash for order in self.feed.orders}
            assert visible <= set(self.stored) | self.excused
            assert len(self.stored) == len(set(self.stored))
        finally:
            self.runner.close()


Watching.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestWatching = Watching.TestCase
