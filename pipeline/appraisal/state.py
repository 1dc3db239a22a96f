"""The market's state: everything the model knows about the market at a moment, updated sale by sale.

Training replays history through it, serving feeds it live; a feature can only see the past because the
state has only seen the past. Prices are kept as log dollars relative to the market's level, which
follows each sale's surprise, so that comparables of last week are read at today's level.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice

import msgspec
import numpy as np

from pipeline.appraisal.book import WIDTH, Ask, Book
from pipeline.appraisal.keys import KINDS, NUMBER, keys
from pipeline.appraisal.memory import (
    AT,
    AXIE,
    DAY,
    LOG_USD,
    MEMORY_S,
    NEWEST,
    RELATIVE,
    TIME,
    Floats,
    Ints,
    Memory,
    Stored,
    W,
)
from pipeline.appraisal.subject import (
    CATEGORIES,
    NAN,
    SLOTS,
    AskEvent,
    Event,
    SaleEvent,
    Subject,
)

HORIZONS_S = (900.0, 3600.0, 6 * 3600.0, DAY, 4 * DAY)
LEVEL = 2  # the horizon whose level prices are relative to
FORGET_S = 45 * DAY  # when a key that has not been added to is dropped
MOST_KEYS = 1_000_000  # beyond it the longest silent are dropped earlier
OWN = 200_000  # axies whose own last sale is remembered
SHRINKAGE = 2.0  # a look-up with this many comparables counts as much as the coarser one above it
SURPRISE = 0.7  # a single sale moves the level by no more than if it were this far off
MOST_CODES = 250  # values of a category that are told apart: scikit-learn's trees know no more
# Tier, energy, attack and defence of a part.
Strength = tuple[float, float, float, float]
UNKNOWN: Strength = (NAN, NAN, NAN, NAN)
BLOCK = 1000  # sales whose keys are computed at once

# Coarse to fine. Each finer look-up is shrunk towards the one before it.
CHAIN = (
    "collection", "class", "class_breed", "class_breed_pure", "battle", "battle_breed", "build",
    "build_breed",
)  # fmt: skip
# Of these kinds the newest sales are kept, the most alike first.
LIKENESS = {
    "build_breed": "same build and breed count",
    "build": "same build",
    "battle_breed": "same battle parts and breed count",
    "battle": "same battle parts",
    "collection": "same collection",
    "class_breed_pure": "same class, breed count and pure parts",
    "class_breed": "same class and breed count",
}
LISTED = np.array([NUMBER[kind] for kind in LIKENESS])
_CHAIN = np.array([NUMBER[kind] for kind in CHAIN])


@dataclass(frozen=True, slots=True)
class View:
    """What the state knew of n subjects, each as of a moment of its own.

    `at` (n,) in seconds since 1970; `levels` (n, horizons); `expected` (n,) the relative log price by
    comparables alone; `sums` (n, kinds, 4) as of when each was last added to; `newest` (n, listed kinds,
    NEWEST, 2) times and relative log prices; `own` (n, 2) the axie's own last sale; `standing` (n, WIDTH)
    what else stands for sale (`Book.look`); `strengths` (n, parts, 4) tier, energy, attack and defence of
    each part; `codes` (n, categories) numbers of class, parts and collection. NaN, and minus infinity for
    times, is unknown. `listed` (n, listed kinds) are rows of the memory, good until the state moves on.
    """

    at: Floats
    levels: Floats
    expected: Floats
    sums: Floats
    newest: Floats
    own: Floats
    standing: Floats
    strengths: Floats
    codes: Floats
    listed: Ints

    @classmethod
    def empty(cls, count: int) -> View:
        """Room for so many subjects."""
        return cls(
            np.empty(count),
            np.empty((count, len(HORIZONS_S))),
            np.empty(count),
            np.empty((count, len(KINDS), 4)),
            np.empty((count, len(LISTED), NEWEST, 2)),
            np.empty((count, 2)),
            np.empty((count, WIDTH)),
            np.empty((count, len(SLOTS), len(UNKNOWN))),
            np.empty((count, len(CATEGORIES))),
            np.empty((count, len(LISTED)), dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: slice) -> View:
        return View(*(getattr(self, field.name)[rows] for field in fields(self)))


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


class MarketState:
    """Takes events in time order, answers with the level and the comparables of any subject."""

    VERSION = 2

    def __init__(self) -> None:
        self.levels = [0.0] * len(HORIZONS_S)
        self._weights = [0.0] * len(HORIZONS_S)
        self.at = 0.0
        self.sales = 0
        self.memory = Memory()
        self.book = Book()
        self.strengths: Mapping[str, Strength] = {}  # of the parts, by the table that holds now
        self._own: dict[int, tuple[float, float]] = {}
        self._codes: list[dict[str, int]] = [{} for _ in CATEGORIES]

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

    def recoded(self, codes: Floats, by: MarketState) -> Floats:
        """Numbers of categories (n, categories) of ours as another state gives them, NaN where it has none.

        Numbers are given in the order of first sales, so those of two histories differ.
        """
        found = np.full(codes.shape, NAN)
        for column, (ours, theirs) in enumerate(zip(self._codes, by._codes, strict=True)):
            known = ~np.isnan(codes[:, column])
            table = np.array([theirs.get(value, NAN) for value in ours])  # ours are numbered as they stand
            found[known, column] = table[codes[known, column].astype(int)]
        return found

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
                self._codes,
                self.book.dump(),
                dict(self.strengths),
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
        state.memory, state._own, state._codes = Memory.restore(stored.memory), stored.own, stored.codes
        state.book, state.strengths = Book.restore(stored.asks), stored.strengths
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
        view.codes[index] = [
            codes.get(value, NAN) for codes, value in zip(self._codes, subject.categories, strict=True)
        ]

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
        for codes, value in zip(self._codes, event.subject.categories, strict=True):
            if value not in codes and len(codes) < MOST_CODES:
                codes[value] = len(codes)
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
