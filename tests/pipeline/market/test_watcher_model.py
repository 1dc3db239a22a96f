"""The watcher under whatever may happen to a feed, in any order."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pipeline.market.errors import MarketUnavailable
from tests.pipeline.market.feed import Feed
from tests.pipeline.market.watched import hashes, watcher


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
