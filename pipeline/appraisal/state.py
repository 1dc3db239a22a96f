"""The market's state: everything the model knows about the market at a moment, updated sale by sale.

Training replays history through it, serving feeds it live; a feature can only see the past because the
state has only seen the past. Prices are kept as log dollars relative to the market's level, which
follows each sale's surprise, so that comparables of last week are read at today's level.

All arithmetic is plain Python on small objects: a sale or a look-up costs some tens of microseconds,
where the same with arrays or frames would cost milliseconds.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from pipeline.appraisal.subject import SLOTS, SaleEvent, Subject

DAY = 86400.0
HORIZONS_S = (1800.0, 6 * 3600.0, DAY, 4 * DAY)
LEVEL = 1  # the horizon whose level prices are relative to
MEMORY_S = 7 * DAY  # how fast a comparable fades
FORGET_S = 45 * DAY  # when one is dropped altogether
RECENT = 6
SHRINKAGE = 2.0  # a look-up with this many comparables counts as much as the coarser one above it
SURPRISE = 0.7  # a single sale moves the level by no more than if it were this far off
BATTLE = tuple(SLOTS.index(slot) for slot in ("mouth", "horn", "back", "tail"))

# Coarse to fine. Each finer look-up is shrunk towards the one before it.
CHAIN = ("class", "class_breed", "class_breed_pure", "battle", "battle_breed", "build", "build_breed")
LIKENESS = {
    "build_breed": "same build and breed count",
    "build": "same build",
    "battle_breed": "same battle parts and breed count",
    "battle": "same battle parts",
    "collection": "same collection and class",
    "class_breed_pure": "same class, breed count and pure parts",
    "class_breed": "same class and breed count",
    "class": "same class",
}


@dataclass(slots=True)
class Memory:
    """Faded statistics of the sales under one key: relative log prices, newest last in `recent`.

    `recent` holds (seconds since 1970, relative log price, axie id, price in dollars).
    """

    weight: float
    total: float
    squares: float
    at: float
    recent: deque[tuple[float, float, int, float]]

    def fade(self, at: float) -> float:
        """Weight left of everything seen so far, at a later time."""
        return self.weight * math.exp(min(0.0, self.at - at) / MEMORY_S)

    def add(self, at: float, relative: float, axie_id: int, price_usd: float) -> None:
        """Take in one sale. One that comes late leaves the same behind as if it had come in time."""
        sale = (at, relative, axie_id, price_usd)
        if at >= self.at:
            keep = math.exp((self.at - at) / MEMORY_S)
            self.weight = self.weight * keep + 1.0
            self.total = self.total * keep + relative
            self.squares = self.squares * keep + relative * relative
            self.at = at
            self.recent.append(sale)
            return
        share = math.exp((at - self.at) / MEMORY_S)
        self.weight += share
        self.total += share * relative
        self.squares += share * relative * relative
        in_order = sorted([*self.recent, sale])
        self.recent.clear()
        self.recent.extend(in_order)  # it keeps the newest

    @property
    def mean(self) -> float:
        """Faded mean of the relative log prices."""
        return self.total / self.weight

    @property
    def spread(self) -> float:
        """Faded standard deviation of the relative log prices."""
        return math.sqrt(max(self.squares / self.weight - self.mean**2, 0.0))


@dataclass(slots=True)
class Lookup:
    """What the state knows under one kind of key: NaN and 0 where it knows nothing."""

    mean: float
    weight: float
    spread: float
    age_s: float
    recent: tuple[tuple[float, float, int, float], ...]


NOTHING = Lookup(math.nan, 0.0, math.nan, math.nan, ())


class _Snapshot(msgspec.Struct):
    """The stored form: plain lists, so that reading it can run no code."""

    version: int
    levels: list[float]
    weights: list[float]
    at: float
    sales: int
    memories: dict[str, tuple[float, float, float, float, list[tuple[float, float, int, float]]]]
    own: dict[int, tuple[float, float]]


class MarketState:
    """Takes sales in time order, answers with the level and the comparables of any subject."""

    VERSION = 1

    def __init__(self) -> None:
        self.levels = [0.0] * len(HORIZONS_S)
        self._weights = [0.0] * len(HORIZONS_S)
        self.at = 0.0
        self.sales = 0
        self._memories: dict[str, Memory] = {}
        self._own: dict[int, tuple[float, float]] = {}

    @property
    def level(self) -> float:
        """Log dollars that relative prices are relative to."""
        return self.levels[LEVEL]

    def observe(self, event: SaleEvent) -> None:
        """Take in a sale. Events come in time order; one that is late is filed at its own time."""
        at, price = event.at, math.log(event.price_usd)
        expected = self.expected(event.subject, at)
        for index, horizon in enumerate(HORIZONS_S):
            share = math.exp(min(0.0, at - self.at) / horizon)  # what a late one still weighs
            weight = self._weights[index] * math.exp(min(0.0, self.at - at) / horizon) + share
            surprise = price - self.levels[index] - expected
            if weight > 30.0:
                surprise = min(max(surprise, -SURPRISE), SURPRISE)
            self._weights[index] = weight
            self.levels[index] += surprise * share / weight
        self.at = max(self.at, at)
        self.sales += 1
        relative = price - self.level
        for key in keys(event.subject).values():
            memory = self._memories.get(key)
            if memory is None:
                memory = self._memories[key] = Memory(0.0, 0.0, 0.0, at, deque(maxlen=RECENT))
            memory.add(at, relative, event.subject.axie_id, event.price_usd)
        last = self._own.get(event.subject.axie_id)
        if last is None or at >= last[0]:
            self._own[event.subject.axie_id] = (at, relative)
        if self.sales % 20_000 == 0:
            self.forget(at - FORGET_S)

    def look(self, key: str, at: float) -> Lookup:
        """What is known under a key of `keys(subject)`, as of a time in seconds since 1970."""
        memory = self._memories.get(key)
        if memory is None:
            return NOTHING
        return Lookup(
            memory.mean, memory.fade(at), memory.spread, max(0.0, at - memory.at), tuple(memory.recent)
        )

    def own(self, axie_id: int) -> tuple[float, float] | None:
        """The axie's own last sale: (seconds since 1970, relative log price)."""
        return self._own.get(axie_id)

    def expected(self, subject: Subject, at: float) -> float:
        """Relative log price by comparables alone: each finer kind shrunk towards the coarser."""
        found = keys(subject)
        value = 0.0
        for kind in ("collection", *CHAIN) if subject.collection else CHAIN:
            memory = self._memories.get(found[kind])
            if memory is not None:
                weight = memory.fade(at)
                value += (memory.mean - value) * weight / (weight + SHRINKAGE)
        return value

    def forget(self, before: float) -> None:
        """Drop whatever has not been added to since a time, so that memory stays bounded."""
        self._memories = {key: memory for key, memory in self._memories.items() if memory.at >= before}
        self._own = {axie: last for axie, last in self._own.items() if last[0] >= before}

    def replay(self, events: Iterable[SaleEvent]) -> None:
        """Take in many sales."""
        for event in events:
            self.observe(event)

    def dump(self) -> bytes:
        """The state as MessagePack."""
        memories = {
            key: (m.weight, m.total, m.squares, m.at, list(m.recent)) for key, m in self._memories.items()
        }
        return msgspec.msgpack.encode(
            _Snapshot(self.VERSION, self.levels, self._weights, self.at, self.sales, memories, self._own)
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
        state.at, state.sales, state._own = stored.at, stored.sales, stored.own
        state._memories = {
            key: Memory(weight, total, squares, at, deque(recent, maxlen=RECENT))
            for key, (weight, total, squares, at, recent) in stored.memories.items()
        }
        return state


def keys(subject: Subject) -> dict[str, str]:
    """The keys under which a subject's sales are kept, by kind. Kinds never share a key."""
    cls, parts, breeds = subject.class_, subject.parts, str(subject.breed_count)
    # Collectibles are another market: nothing they share with a common axie is comparable.
    tag = f"{subject.collection}:{cls}"
    build = f"b:{tag}:" + ",".join(parts)
    battle = f"f:{tag}:" + ",".join([parts[index] for index in BATTLE])
    pure = "" if math.isnan(subject.pure_parts) else f"{subject.pure_parts:.0f}"
    found = {
        "class": f"c:{tag}",
        "class_breed": f"c:{tag}:{breeds}",
        "class_breed_pure": f"p:{tag}:{breeds}:{pure}",
        "battle": battle,
        "battle_breed": f"{battle}:{breeds}",
        "build": build,
        "build_breed": f"{build}:{breeds}",
    }
    if subject.collection:
        found["collection"] = f"k:{subject.collection}"
    for slot, part in zip(SLOTS, parts, strict=True):
        found[slot] = f"s:{tag}:{part}"
    return found
