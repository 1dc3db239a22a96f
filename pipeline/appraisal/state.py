"""The market's state: everything the model knows about the market at a moment, updated sale by sale.

Training replays history through it, serving feeds it live; a feature can only see the past because the
state has only seen the past. Prices are kept as log dollars relative to the market's level, which
follows each sale's surprise, so that comparables of last week are read at today's level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
import numpy as np

from pipeline.appraisal.book import Ask, Book
from pipeline.appraisal.codes import Codes
from pipeline.appraisal.keys import NUMBER, keys
from pipeline.appraisal.memory import (
    AT,
    AXIE,
    DAY,
    LOG_USD,
    MEMORY_S,
    RELATIVE,
    TIME,
    Ints,
    Memory,
    Stored,
    W,
)
from pipeline.appraisal.quotes import Quote, Quotes
from pipeline.appraisal.subject import NAN, AskEvent, Event, SaleEvent, Subject
from pipeline.appraisal.view import CHAIN, HORIZONS_S, LEVEL, LIKENESS, LISTED, UNKNOWN, Strength, View

FORGET_S = 45 * DAY  # when a key that has not been added to is dropped
MOST_KEYS = 1_000_000  # beyond it the longest silent are dropped earlier
OWN = 200_000  # axies whose own last sale is remembered
SHRINKAGE = 2.0  # a look-up with this many comparables counts as much as the coarser one above it
SURPRISE = 0.7  # a single sale moves the level by no more than if it were this far off
BLOCK = 1000  # sales whose keys are computed at once

_CHAIN = np.array([NUMBER[kind] for kind in CHAIN])


@dataclass(frozen=True, slots=True)
class Sold:
    """A remembered sale: seconds since 1970, the axie, the price in dollars, and what is alike."""

    at: float
    axie_id: int
    price_usd: float
    likeness: str


class _Snapshot(msgspec.Struct):
    """The stored form."""

    version: int
    levels: list[float]
    weights: list[float]
    at: float
    sales: int
    memory: Stored
    own: dict[int, tuple[float, float]]
    codes: list[dict[str, int]]
    asks: dict[int, Ask]
    strengths: dict[str, Strength]
    quotes: dict[str, Quote]


class MarketState:
    """Takes events in time order, answers with the level and the comparables of any subject."""

    VERSION = 3

    def __init__(self) -> None:
        self.levels = [0.0] * len(HORIZONS_S)
        self._weights = [0.0] * len(HORIZONS_S)
        self.at = 0.0
        self.sales = 0
        self.memory = Memory()
        self.book = Book()
        self.strengths: Mapping[str, Strength] = {}  # of the parts, by the table that holds now
        self._own: dict[int, tuple[float, float]] = {}
        self.codes = Codes()
        self.quotes = Quotes()

    @property
    def level(self) -> float:
        """Log dollars that relative prices are relative to."""
        return self.levels[LEVEL]

    def observe(self, event: Event) -> None:
        """Take in an event. They come in time order; a sale that is late is filed at its own time."""
        self.replay([event])

    def replay(self, events: Iterable[Event]) -> None:
        """Take in many events."""
        for event, found in _keyed(events):
            if isinstance(event, SaleEvent):
                rows = self._rows(found)
                self._take_in(event, rows, self._chained(rows, event.at))
            else:
                self._enter(event, found)

    def walk(self, events: Iterable[Event]) -> Iterator[tuple[list[Event], View]]:
        """Take in many events; of sales and asks, a block at a time, what was known of each.

        Of a sale that is what was known just before it; an ask stands in the book already, as it does
        when it is priced, and does not count among its own comparables.
        """
        arriving = _keyed(events)
        while True:
            view, taken = View.empty(BLOCK), list[Event]()
            for event, found in islice(arriving, BLOCK):
                if isinstance(event, AskEvent):
                    self._enter(event, found)
                rows = self._rows(found)
                expected = self._chained(rows, event.at)
                self._fill(view, len(taken), event.subject, found, rows, event.at, expected)
                if isinstance(event, SaleEvent):
                    self._take_in(event, rows, expected)
                taken.append(event)
            if not taken:
                return
            yield taken, view[: len(taken)]

    def look(self, subjects: Sequence[Subject], at: float) -> View:
        """What is known of some subjects, as of a time in seconds since 1970."""
        found = keys(subjects)
        view = View.empty(len(subjects))
        for index, (subject, rows) in enumerate(zip(subjects, self.memory.rows(found), strict=True)):
            expected = self._chained(rows, at)
            self._fill(view, index, subject, found[index].tolist(), rows, at, expected)
        return view

    def expected(self, subject: Subject, at: float) -> float:
        """Relative log price by comparables alone: each finer kind shrunk towards the coarser."""
        return self._chained(self.memory.rows(keys([subject])[0]), at)

    def weight(self, subject: Subject, kind: str, at: float) -> float:
        """How many sales are remembered under one kind of key, faded ones as parts."""
        held = self.memory.sums[self.memory.rows(keys([subject])[0, NUMBER[kind]])]
        return float(held[W] * math.exp(min(0.0, held[AT] - at) / MEMORY_S))

    def comparables(self, axie_id: int, rows: Ints, most: int) -> list[Sold]:
        """The newest sales of the most alike, closest likeness first, none twice.

        `rows` are what a view of the axie has in `listed`.
        """
        found: dict[tuple[float, float], Sold] = {}
        remembered = self.memory.sales[self.memory.newest[rows]].tolist()
        for sales, likeness in zip(remembered, LIKENESS.values(), strict=True):
            for sale in sorted(sales, key=_when, reverse=True):
                at, other = sale[TIME], sale[AXIE]
                if at == -math.inf or (other, at) in found:
                    continue
                label = "this very axie" if other == axie_id else likeness
                found[other, at] = Sold(at, int(other), math.exp(sale[LOG_USD]), label)
                if len(found) == most:
                    return list(found.values())
        return list(found.values())

    def forget(self, before: float) -> None:
        """Drop whatever has not been added to since a time, so that memory stays bounded."""
        self.memory.forget(before)
        self._own = {axie: last for axie, last in self._own.items() if last[0] >= before}

    def dump(self) -> bytes:
        """The state as MessagePack."""
        return msgspec.msgpack.encode(
            _Snapshot(
                self.VERSION,
                self.levels,
                self._weights,
                self.at,
                self.sales,
                self.memory.dump(),
                self._own,
                self.codes.tables,
                self.book.dump(),
                dict(self.strengths),
                self.quotes.held,
            )
        )

    @classmethod
    def restore(cls, data: bytes) -> MarketState:
        """The state that `dump` wrote. Raises ValueError if the bytes are of another format."""
        try:
            stored = msgspec.msgpack.decode(data, type=_Snapshot)
        except msgspec.DecodeError as error:
            raise ValueError(f"the stored market state cannot be read: {error}") from error
        if stored.version != cls.VERSION or len(stored.levels) != len(HORIZONS_S):
            raise ValueError("the stored market state is of another version")
        state = cls()
        state.levels, state._weights = stored.levels, stored.weights
        state.at, state.sales = stored.at, stored.sales
        state.memory, state._own, state.codes = Memory.restore(stored.memory), stored.own, Codes(stored.codes)
        state.book, state.strengths = Book.restore(stored.asks), stored.strengths
        state.quotes = Quotes(stored.quotes)
        return state

    def _rows(self, found: list[int]) -> Ints:
        return np.array(self.memory.rows_to_fill(found), dtype=np.int64)

    def _enter(self, event: AskEvent, found: list[int]) -> None:
        self.book.add(event.subject.axie_id, found, event.at, event.ask_usd, event.seller)

    def _chained(self, rows: Ints, at: float) -> float:
        value = 0.0
        for last, weight, total, _ in self.memory.sums.take(rows.take(_CHAIN), axis=0).tolist():
            if weight > 0:
                faded = weight * math.exp(min(0.0, last - at) / MEMORY_S)
                value += (total / weight - value) * faded / (faded + SHRINKAGE)
        return value

    def _fill(
        self,
        view: View,
        index: int,
        subject: Subject,
        found: list[int],
        rows: Ints,
        at: float,
        expected: float,
    ) -> None:
        memory = self.memory
        view.at[index] = at
        view.levels[index] = self.levels
        view.expected[index] = expected
        view.sums[index] = memory.sums.take(rows, axis=0)
        view.listed[index] = listed = rows.take(LISTED)
        view.newest[index] = memory.sales.take(memory.newest.take(listed, axis=0), axis=0)[
            ..., : RELATIVE + 1
        ]
        view.own[index] = self._own.get(subject.axie_id, (-math.inf, NAN))
        view.standing[index] = self.book.look(subject.axie_id, found, self.level)
        view.strengths[index] = [self.strengths.get(part, UNKNOWN) for part in subject.parts]
        view.moves[index] = self.quotes.moves(subject, at)
        view.codes[index] = self.codes.of(subject)

    def _take_in(self, event: SaleEvent, rows: Ints, expected: float) -> None:
        at, price, axie_id = event.at, math.log(event.price_usd), event.subject.axie_id
        levels, weights = self.levels, self._weights
        late, since = min(0.0, at - self.at), min(0.0, self.at - at)
        for index, horizon in enumerate(HORIZONS_S):
            share = math.exp(late / horizon)  # what a late one still weighs
            weights[index] = weight = weights[index] * math.exp(since / horizon) + share
            surprise = price - levels[index] - expected
            if weight > 30.0:
                surprise = min(max(surprise, -SURPRISE), SURPRISE)
            levels[index] += surprise * share / weight
        self.at = max(self.at, at)
        self.sales += 1
        self.book.remove(axie_id)
        relative = price - self.level
        self.memory.add(rows, rows.take(LISTED), at, relative, price, axie_id)
        last = self._own.get(axie_id)
        if last is None or at >= last[0]:
            self._own.pop(axie_id, None)
            self._own[axie_id] = (at, relative)
            if len(self._own) > OWN:
                del self._own[next(iter(self._own))]
        self.codes.add(event.subject)
        self.quotes.add(event.quotes, at)
        if self.sales % 20_000 == 0:
            self._tidy()

    def _tidy(self) -> None:
        before = self.at - FORGET_S
        if len(self.memory) > MOST_KEYS:
            last = self.memory.sums[1 : len(self.memory) + 1, AT]
            before = max(before, float(np.quantile(last, 0.25)))
        self.forget(before)


def _when(sale: list[float]) -> float:
    return sale[TIME]


def _keyed(events: Iterable[Event]) -> Iterator[tuple[Event, list[int]]]:
    """Each event with the keys of its subject, which are computed for many at once."""
    waiting = iter(events)
    while block := list(islice(waiting, BLOCK)):
        yield from zip(block, keys([event.subject for event in block]).tolist(), strict=True)
