"""The economy: sellers, buyers, drifting prices, as a simulation of events in market time.

Time is cut into steps of five minutes. At the start of a step the level and the rates move, the arrivals of
the step are drawn and the book is exposed to buyers; between, events happen in order of time. Random numbers
are drawn in the order of events only, so the same seed gives the same market however often it is looked at.
"""

import heapq
import math
import random
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from sandbox.marketplace.axies import Population
from sandbox.marketplace.book import Book
from sandbox.marketplace.config import MONTHS, MarketConfig
from sandbox.marketplace.orders import HALF_YEAR, START_RATES, TOKENS, Order, Status, in_units, order_hash
from sandbox.marketplace.prices import Drift, auction_terms, day_cycle, draw_ask
from sandbox.marketplace.sales import Sale

STEP: Final = 300.0
DAY: Final = 86_400.0
WALLETS: Final = 6_000
FEED_MISSES: Final = 0.15
UNDATED: Final = 0.12
UNDATED_FOR: Final = 600.0
"""Seconds for which an undated sale keeps its timestamp of 0."""
FRESH_PER_SALE: Final = 1.15
_LEVEL_SD: Final = 0.04
_RATE_SDS: Final = (0.04, 0.0004, 0.06, 0.06, 0.08)
_TOKEN_CUTS: Final = tuple(float(c) for c in np.cumsum([t.share for t in TOKENS]))


class Economy:
    """The whole state of the market. `advance(t)` brings it to market time t."""

    def __init__(self, config: MarketConfig) -> None:
        self.config = config
        self.now = config.epoch.timestamp() - config.history_days * DAY
        self.demand = 1.0
        self.supply = 1.0
        self.population = Population(config.seed, MONTHS[config.month])
        self.book = Book()
        self.orders: list[Order] = []
        self.by_hash: dict[str, Order] = {}
        self.order_of: dict[int, Order] = {}
        self.sales: list[Sale] = []
        self.sales_of: dict[int, list[int]] = {}
        self.feed: list[int] = []
        self.changed: Callable[[int], None] = lambda row: None
        self._rng = random.Random(f"{config.seed}:economy")
        self._numpy = np.random.default_rng([config.seed, 2])
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._serial = 0
        self._median = math.log(MONTHS[config.month].median)
        self._drift = Drift(self._rng, sd=_LEVEL_SD, days=3, step=STEP)
        self._rate_drifts = [Drift(self._rng, sd=sd, days=10, step=STEP) for sd in _RATE_SDS]
        self._next_step = self.now
        self._steps = 0
        self._move()
        self._open_book()
        self.advance(config.epoch.timestamp())

    # -- time ---------------------------------------------------------------------------------------------

    def advance(self, to: float) -> None:
        """Let everything happen up to market time `to`."""
        events = self._events
        while True:
            if self._next_step <= to and (not events or self._next_step <= events[0][0]):
                self.now = self._next_step
                self._step()
            elif events and events[0][0] <= to:
                at, _, act, args = heapq.heappop(events)
                self.now = at
                act(*args)
            else:
                break
        self.now = max(self.now, to)

    def _at(self, t: float, act: Callable[..., None], *args: Any) -> None:
        self._serial += 1
        heapq.heappush(self._events, (t, self._serial, act, args))

    def _move(self) -> None:
        hour = 0.015 * math.sin(self.now % DAY / DAY * 2 * math.pi)
        self.level = self._median + self._drift.step() + hour
        rates = [s * math.exp(d.step()) for s, d in zip(START_RATES, self._rate_drifts, strict=True)]
        self.rates = np.array(rates)
        self._log_rates = np.log(self.rates)

    def _step(self) -> None:
        self._next_step = self.now + STEP
        self._move()
        if self._steps % 12 == 0:
            self.book.rewarm(self.now, self.level, self._log_rates)
        self._steps += 1
        activity = day_cycle(self.now)
        pace = self.config.sales_a_day * FRESH_PER_SALE * self.supply * activity / DAY
        arrivals = self.now + np.sort(self._numpy.random(self._numpy.poisson(pace * STEP))) * STEP
        for t in arrivals.tolist():
            self._at(t, self._fresh)
        for t, order in self.book.step(self.now, STEP, self.demand * activity, self.level, self._log_rates):
            self._at(t, self._buy, order)

    # -- sellers ------------------------------------------------------------------------------------------

    def fair(self, row: int) -> float:
        """The fair value in USD now."""
        return math.exp(self.level + float(self.population.columns["relative"][row]))

    def _fresh(self) -> None:
        self.place(self.population.fresh(), draw_ask(self._rng))

    def place(
        self,
        row: int,
        log_ask: float,
        *,
        origin: str = "fresh",
        token: int | None = None,
        dutch: tuple[float, float] | None = None,
        buyable: bool = True,
        base: int | None = None,
        started: float | None = None,
    ) -> Order:
        """List an axie at a price of `log_ask` over its fair value; an open order of it is cancelled first.

        `dutch` is (log of end over start, duration in seconds); `base` overrides the price in units. Some of
        the market's own show only after seconds.
        """
        rng = self._rng
        old = self.order_of.get(row)
        if old is not None:
            self._close(old, Status.CANCELLED)
        number = len(self.orders) + 1
        if token is None:
            draw = rng.random()
            token = bisect_right(_TOKEN_CUTS, draw) % len(TOKENS)
        rate = float(self.rates[token])
        if dutch is None and origin not in ("wash", "injected") and rng.random() < 0.20:
            log_ask, dutch = auction_terms(rng, log_ask)
        digits = rng.choice((3, 3, 4, 6))
        late = 0.15 if started is None and origin != "injected" else 0.0
        fair = self.fair(row)
        units = base if base is not None else in_units(fair * math.exp(log_ask), token, rate, digits)
        at = self.now if started is None else started
        expires = at + (HALF_YEAR if rng.random() < 0.88 else rng.choice((7, 14, 30)) * DAY)
        order = Order(
            number=number,
            hash=order_hash(self.config.seed, number),
            row=row,
            maker=int(self.population.columns["owner"][row]),
            token=token,
            base=units,
            started=int(at),
            listed=at,
            expires=int(expires),
            fair=fair,
            asked=units / 10.0 ** TOKENS[token].decimals * rate,
            visible=at + rng.uniform(1, 20) if rng.random() < late else at,
            buyable=buyable,
            origin=origin,
        )
        if dutch is not None:
            order.ended_price = in_units(order.asked * math.exp(dutch[0]), token, rate, digits)
            order.ended = order.started + max(1, int(dutch[1]))
        if self.population.columns["banned"][row] and number % 2:
            order.status, order.buyable = Status.BANNED, False
        self._register(order)
        return order

    def _register(self, order: Order) -> None:
        rng = self._rng
        self.orders.append(order)
        self.by_hash[order.hash] = order
        self.order_of[order.row] = order
        relative = float(self.population.columns["relative"][order.row])
        threshold = rng.expovariate(1.0)
        self.book.add(order, relative, rng.gauss(0, 0.05), threshold)
        if order.buyable and self.demand > 0:
            rate = self.book.rate(order.slot, self.now, self.level, self._log_rates)
            rate *= self.demand * day_cycle(self.now)
            exposure = rate * (self._next_step - self.now)
            self.book.f["exposure"][order.slot] = exposure
            if exposure >= threshold:
                self._at(self.now + threshold / rate, self._buy, order)
        if order.origin != "injected":
            patience = HALF_YEAR if rng.random() < 0.03 else rng.expovariate(1 / (3.5 * DAY))
            if order.ended:
                patience = max(patience, order.ended - order.started + rng.uniform(0, DAY))
            self._at(min(max(self.now, order.listed) + patience, order.expires), self._end, order)
            if order.buyable and rng.random() < 0.006:
                self._at(self.now + rng.uniform(0, 2 * DAY), self._invalidate, order)
        else:
            self._at(float(order.expires), self._end, order)

    def _close(self, order: Order, status: Status) -> None:
        self.book.remove(order)
        if self.order_of.get(order.row) is order:
            del self.order_of[order.row]
        if order.status is Status.OPEN:
            order.status = status
        order.closed = self.now

    def _end(self, order: Order) -> None:
        """The seller's patience, or the order's time, is over."""
        if order.slot < 0:
            return
        if self.now >= order.expires:
            self._close(order, Status.EXPIRED)
            return
        rng = self._rng
        draw = rng.random()
        price = order.price(self.now) / 10.0 ** TOKENS[order.token].decimals * float(self.rates[order.token])
        log_ask = math.log(price / self.fair(order.row)) - abs(rng.gauss(0.09, 0.06))
        self._close(order, Status.CANCELLED)
        if draw < 0.40:
            self.place(order.row, log_ask, origin="repriced")
        elif draw < 0.65:
            self._at(
                self.now + rng.expovariate(1 / (0.5 * DAY)), self._relist, order.row, log_ask, "relisted"
            )

    def _relist(self, row: int, log_ask: float, origin: str) -> None:
        if row not in self.order_of:
            self.place(row, log_ask, origin=origin)

    def _invalidate(self, order: Order) -> None:
        if order.slot < 0:
            return
        order.status = self._rng.choice((Status.TRANSFERRED, Status.NO_BALANCE))
        order.buyable = False
        self.book.f["threshold"][order.slot] = math.inf
        self.book.version += 1

    # -- buyers -------------------------------------------------------------------------------------------

    def _buy(self, order: Order) -> None:
        if order.slot < 0 or not order.buyable or self.demand <= 0:
            return
        rng = self._rng
        buyer = order.maker if rng.random() < 0.0015 else int(WALLETS * rng.random() ** 1.6)
        self.settle(order, buyer)

    def settle(self, order: Order, buyer: int) -> Sale:
        """The order is matched now; the axie changes hands, and what follows from that is scheduled."""
        rng = self._rng
        price = order.price(self.now)
        self._close(order, Status.MATCHED)
        shown = rng.random() >= FEED_MISSES
        undated = self.now + UNDATED_FOR if rng.random() < UNDATED else 0.0
        sale = Sale(len(self.sales), self.now, order, price, buyer, shown, undated)
        self.sales.append(sale)
        self.sales_of.setdefault(order.row, []).append(sale.number)
        if shown:
            self.feed.append(sale.number)
        order.sale = sale.number
        row = order.row
        self.population.columns["owner"][row] = buyer
        self.changed(row)
        paid = price / 10.0 ** TOKENS[order.token].decimals * float(self.rates[order.token])
        cheap = paid < 0.8 * self.fair(row)
        draw = rng.random()
        if draw < 0.004:
            self._at(self.now + rng.uniform(60, 900), self._wash, row, order.maker)
        elif draw < (0.60 if cheap else 0.15):
            wait = min(20 * DAY, 8 * 3_600 * math.exp(rng.gauss(0, 1.2)))
            self._at(self.now + wait, self._relist, row, rng.gauss(0.12, 0.14), "flip")
        if rng.random() < 0.06:
            self._at(self.now + rng.expovariate(1 / DAY), self._grow, row)
        return sale

    def _wash(self, row: int, partner: int) -> None:
        """Two wallets trade an axie back and forth at a price of their own."""
        if row in self.order_of:
            return
        order = self.place(row, self._rng.gauss(0.3, 0.8), origin="wash", buyable=False)
        self._at(self.now + self._rng.uniform(30, 600), self._wash_back, order, partner)

    def _wash_back(self, order: Order, partner: int) -> None:
        if order.slot < 0:
            return
        maker = order.maker
        self.settle(order, partner)
        if self._rng.random() < 0.5:
            self._at(self.now + self._rng.uniform(60, 900), self._wash, order.row, maker)

    def _grow(self, row: int) -> None:
        """An owner levels an axie up, breeds it, or evolves a part: its present state moves on."""
        columns = self.population.columns
        if columns["egg"][row]:
            return
        kind = self._rng.random()
        if kind < 0.5:
            columns["level"][row] = min(60, int(columns["level"][row]) + self._rng.randint(1, 8))
        elif kind < 0.9:
            columns["breed_count"][row] = min(7, int(columns["breed_count"][row]) + 1)
        else:
            columns["stages"][row, self._rng.randrange(6)] = 2
        self.population.revalue(row)
        order = self.order_of.get(row)
        if order is not None:
            self.book.f["relative"][order.slot] = columns["relative"][row]
        self.changed(row)

    # -- the beginning ------------------------------------------------------------------------------------

    def _open_book(self) -> None:
        """Leftovers of earlier days: asks as ever, aged, and kept only where nobody would have bought."""
        rng = self._rng
        found: list[tuple[float, float]] = []
        while len(found) < self.config.book:
            log_ask = draw_ask(rng)
            age = rng.expovariate(1 / (5 * DAY)) if rng.random() < 0.97 else rng.uniform(0, 180 * DAY)
            if rng.random() < math.exp(-age * math.exp(-log_ask / 0.085) / (9 * 3_600)):
                found.append((-min(age, 180 * DAY), log_ask))
        for age, log_ask in sorted(found):
            self.place(self.population.fresh(), log_ask, started=self.now + age)
