"""A sales table as a walk forward sees it: what is known of each sale, and apart from it the price.

`Known` holds only what could be known the moment before a sale. A forecaster is handed prices of rows
to learn from, and `Known` alone of rows to forecast, so that it cannot see what it is asked for.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.appraisal.state import DAY, MarketState, keys
from pipeline.appraisal.subject import SaleEvent, Subject
from pipeline.evaluation.metrics import Floats
from pipeline.training import replay

Ints = NDArray[np.int64]
Progress = Callable[[str, float], None]

# The traits of the plain forest; the first so many are kinds, numbered as they first appear.
KINDS = 7
TRAITS = ("class", "eyes", "ears", "mouth", "horn", "back", "tail", "breed_count", "pure_parts")
RECENT_BUILD = 5
RECENT_GROUP = 50


@dataclass(frozen=True, slots=True)
class Known:
    """Arrays of equal length, in time order.

    `features` (n, features) and `level` (n,) are the market state's; `traits` (n, len(TRAITS)) the
    axie's own; `group` (n,) numbers class × breed count; `comparable` (n,) is the log of the trailing
    median price, NaN at the very beginning; `seen` (n,) counts earlier sales of the same build; `at`
    (n,) is seconds since 1970.
    """

    at: Floats
    features: Floats
    level: Floats
    traits: Floats
    group: Ints
    comparable: Floats
    seen: Ints

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: slice) -> Known:
        return Known(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Timeline:
    """All sales of a table: what was known before each, and the log of what was then paid, (n,)."""

    known: Known
    log_price: Floats

    @property
    def day(self) -> Ints:
        """Days since 1970 in UTC, (n,)."""
        return np.floor_divide(self.known.at, DAY).astype(np.int64)


def timeline(table: pd.DataFrame, progress: Progress) -> Timeline:
    """Replay a sales table (`pipeline.sales`) through the market state, in its order."""
    count = len(table)
    state, trail = MarketState(), _Trail()
    at, level, comparable, log_price = np.empty((4, count))
    group, seen = np.empty((2, count), dtype=np.int64)
    matrix: list[Floats] = []
    traits: list[list[float]] = []
    step = max(1, count // 50)
    for index, (event, row) in enumerate(replay(table, state)):
        matrix.append(row)
        at[index], level[index] = event.at, state.level
        comparable[index], seen[index] = trail.median(event.subject), trail.seen(event.subject)
        group[index] = trail.group(event.subject)
        traits.append(trail.traits(event.subject))
        log_price[index] = math.log(event.price_usd)
        trail.observe(event)
        if index % step == 0:
            progress("replaying history", index / count)
    known = Known(at, np.array(matrix), level, np.array(traits), group, comparable, seen)
    return Timeline(known, log_price)


class _Trail:
    """What the baselines remember of earlier sales. Looking never changes what prices are known."""

    def __init__(self) -> None:
        self._builds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT_BUILD))
        self._groups: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT_GROUP))
        self._all: deque[float] = deque(maxlen=RECENT_GROUP)
        self._seen: Counter[str] = Counter()
        self._codes: list[dict[str, int]] = [{} for _ in range(KINDS)]
        self._numbers: dict[str, int] = {}

    def median(self, subject: Subject) -> float:
        """Log of the median of the newest sales of the build, else of class and breed count, else of all."""
        found = keys(subject)
        newest = self._builds.get(found["build"]) or self._groups.get(found["class_breed"]) or self._all
        return math.log(median(newest)) if newest else math.nan

    def seen(self, subject: Subject) -> int:
        return self._seen[keys(subject)["build"]]

    def group(self, subject: Subject) -> int:
        return self._numbers.setdefault(keys(subject)["class_breed"], len(self._numbers))

    def traits(self, subject: Subject) -> list[float]:
        kinds = (subject.class_, *subject.parts)
        coded = [float(code.setdefault(k, len(code))) for code, k in zip(self._codes, kinds, strict=True)]
        return [*coded, float(subject.breed_count), subject.pure_parts]

    def observe(self, event: SaleEvent) -> None:
        found = keys(event.subject)
        self._builds[found["build"]].append(event.price_usd)
        self._groups[found["class_breed"]].append(event.price_usd)
        self._all.append(event.price_usd)
        self._seen[found["build"]] += 1
