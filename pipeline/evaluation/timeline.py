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

from pipeline.appraisal.features import features
from pipeline.appraisal.keys import NUMBER, keys
from pipeline.appraisal.memory import DAY
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import SaleEvent, Subject, from_table
from pipeline.appraisal.view import LEVEL
from pipeline.evaluation.metrics import Floats

Ints = NDArray[np.int64]
Progress = Callable[[str, float], None]

# The traits of the plain forest; the first so many are kinds, numbered as they first appear.
KINDS = 7
TRAITS = ("class", "eyes", "ears", "mouth", "horn", "back", "tail", "breed_count", "pure_parts")
RECENT_BUILD = 5
RECENT_GROUP = 50
_BUILD, _GROUP = NUMBER["build"], NUMBER["class_breed"]


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
    state, trail = MarketState(), Trail()
    at, level, comparable, log_price = np.empty((4, count))
    group, seen = np.empty((2, count), dtype=np.int64)
    matrix: list[Floats] = []
    traits: list[list[float]] = []
    index = 0
    for block, view in state.walk(from_table(table)):
        subjects = [event.subject for event in block]
        matrix.append(features(view, subjects))
        rows = slice(index, index + len(block))
        at[rows], level[rows] = view.at, view.levels[:, LEVEL]
        for event, found in zip(block, keys(subjects)[:, [_BUILD, _GROUP]].tolist(), strict=True):
            assert isinstance(event, SaleEvent)
            comparable[index], seen[index], group[index] = trail.look(found[0], found[1])
            traits.append(trail.traits(event.subject))
            log_price[index] = math.log(event.price_usd)
            trail.observe(found[0], found[1], event.price_usd)
            index += 1
        progress("replaying history", index / count)
    known = Known(at, np.concatenate(matrix), level, np.array(traits), group, comparable, seen)
    return Timeline(known, log_price)


class Trail:
    """What the baselines remember of earlier sales. Looking never changes what prices are known."""

    def __init__(self) -> None:
        self._builds: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT_BUILD))
        self._groups: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT_GROUP))
        self._all: deque[float] = deque(maxlen=RECENT_GROUP)
        self._seen: Counter[int] = Counter()
        self._codes: list[dict[str, int]] = [{} for _ in range(KINDS)]
        self._numbers: dict[int, int] = {}

    def look(self, build: int, group: int) -> tuple[float, int, int]:
        """Log of the median of the newest sales of the build, else of the group, else of all; how often the
        build was seen; the group's number.
        """
        newest = self._builds.get(build) or self._groups.get(group) or self._all
        middle = math.log(median(newest)) if newest else math.nan
        return middle, self._seen[build], self._numbers.setdefault(group, len(self._numbers))

    def traits(self, subject: Subject) -> list[float]:
        """The values of `TRAITS`, kinds numbered as they first appear."""
        kinds = (subject.class_, *subject.parts)
        coded = [float(code.setdefault(k, len(code))) for code, k in zip(self._codes, kinds, strict=True)]
        return [*coded, float(subject.breed_count), subject.pure_parts]

    def observe(self, build: int, group: int, price_usd: float) -> None:
        """Take a sale in."""
        self._builds[build].append(price_usd)
        self._groups[group].append(price_usd)
        self._all.append(price_usd)
        self._seen[build] += 1
