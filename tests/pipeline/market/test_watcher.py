from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from pipeline.market.errors import MarketUnavailable
from pipeline.market.watching import WatcherSettings
from tests.pipeline.market.feed import Feed, Order
from tests.pipeline.market.watched import NEVER, SETTINGS, hashes, of, turn, watcher


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


async def test_more_than_a_page_that_comes_between_pages_is_read_past_and_found_by_the_next_poll() -> None:
    feed = Feed()
    feed.list_many(40)
    watching = watcher(feed, settings=replace(SETTINGS, max_pages=20))
    await turn(watching)
    feed.list_many(14)
    bursts = iter(range(3))
    feed.between = lambda: feed.list_many(17) and None if next(bursts, None) is not None else None
    got = hashes(first := await turn(watching))
    assert feed.offsets[1:] == sorted(feed.offsets[1:]), "nothing was bought: it need not step back"
    feed.between = lambda: None
    got += hashes(second := await turn(watching))
    assert (first.gap, second.gap) == (None, None)
    assert sorted(got) == sorted(f"hash-{n}" for n in range(41, feed.made + 1))


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
