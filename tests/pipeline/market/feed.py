"""A feed of newest listings in memory that shuffles, shifts between pages and shows orders late."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pipeline.clock import ManualClock
from pipeline.market.budget import Priority
from pipeline.market.errors import MarketUnavailable
from pipeline.market.pages import AxieDetail, Page, Rejected
from pipeline.market.values import Axie, AxieClass, Listing, OrderStatus, Part, Slot, Token
from tests.pipeline.market.rows import NOW


@dataclass
class Order:
    """`null` while the marketplace does not show it yet, `bad` where its row cannot be read."""

    listing: Listing
    null: bool = False
    bad: bool = False


class FixedBudget:
    interval = 0.0

    def watch_interval(self) -> float:
        return self.interval


@dataclass
class Feed:
    """Latest first, each row up to `shuffle` places off. `between` runs before every page but the first."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW))
    shuffle: int = 0
    seed: int = 0
    between: Callable[[], None] = lambda: None
    tells_total: bool = True
    cap: int = 10_000
    down: bool = False
    down_for_axies: bool = False
    fail_from_page: int | None = None

    def __post_init__(self) -> None:
        self.orders: list[Order] = []  # latest first
        self.budget = FixedBudget()
        self.made = 0
        self.offsets: list[int] = []
        self.asked: list[list[int]] = []
        self.time = 0.0
        self._random = random.Random(self.seed)

    def list_one(self, *, null: bool = False, bad: bool = False, axie_id: int | None = None) -> Order:
        self.made += 1
        self.clock.advance(1)
        axie = Axie(
            axie_id or self.made,
            AxieClass.BEAST,
            tuple(Part(f"{slot}-x", slot, AxieClass.BEAST) for slot in Slot),  # type: ignore[arg-type]
            0,
        )
        listing = Listing(
            hash=f"hash-{self.made}",
            axie=axie,
            seller="0x1",
            token=Token.WETH,
            base=10**15,
            ended=10**15,
            started_at=self.clock.now(),
            ended_at=None,
            expires_at=None,
            fee_bps=425,
            status=OrderStatus.OPEN,
            seen_at=self.clock.now(),
        )
        order = Order(listing, null, bad)
        self.orders.insert(0, order)
        return order

    def list_many(self, count: int) -> list[Order]:
        return [self.list_one() for _ in range(count)]

    async def newest_listings(
        self, offset: int = 0, size: int = 100, *, priority: Priority = Priority.WATCH
    ) -> Page[Listing]:
        assert priority is Priority.WATCH
        if self.down or (self.fail_from_page is not None and offset and self.fail_from_page):
            raise MarketUnavailable("down")
        if offset:
            self.between()
        self.offsets.append(offset)
        places = [(i + self._random.uniform(0, self.shuffle), i) for i in range(len(self.orders))]
        rows = [self.orders[i] for _, i in sorted(places)][offset : offset + size]
        total = len(self.orders)
        if offset >= self.cap:
            rows, total = [], 0
        good = [o for o in rows if not o.null and not o.bad]
        return Page(
            rows=tuple(o.listing for o in good),
            rejected=tuple(
                Rejected("bad", "x", o.listing.axie.id, "{}", o.listing.hash) for o in rows if o.bad
            ),
            total=total if self.tells_total else None,
            pending=tuple(o.listing.axie.id for o in rows if o.null),
            seen=len(rows),
            received=self.time,
            at=self.clock.now(),
        )

    async def axies(
        self, ids: Iterable[int], *, priority: Priority = Priority.BACKGROUND
    ) -> dict[int, AxieDetail]:
        assert priority is Priority.WATCH
        self.asked.append(list(ids))
        if self.down_for_axies:
            raise MarketUnavailable("down")
        known = {o.listing.axie.id: o for o in reversed(self.orders)}
        return {
            i: AxieDetail(known[i].listing.axie, None if known[i].null else known[i].listing)
            for i in self.asked[-1]
            if i in known
        }
