"""Offers of the past with what became of them: sales as offers at their price, or listings at their ask.

An offer's outcome is the axie's next sale: the one after it, and where the listing itself was bought, the
one after that purchase. What is known of an offer beforehand and its outcome come out of one replay.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from models.members import Floats
from pipeline.appraisal.keys import NUMBER, keys
from pipeline.appraisal.memory import Ints
from pipeline.appraisal.subject import Event, SaleEvent, from_table
from pipeline.evaluation.timeline import Trail
from pipeline.history import YOUNG, Examples, Progress, merged, replayed

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.labels import ListingOutcome
    from pipeline.side import Dated, PartStrength

BLOCK = 500
_BUILD, _GROUP = NUMBER["build"], NUMBER["class_breed"]


@dataclass(frozen=True, slots=True)
class Offers:
    """n offers in time order.

    Known beforehand: `X` (n, features), `level`, `at`, `axie`, `log_ask` and `comparable`, the log of the
    trailing median price, NaN at the very beginning. The outcome: `resale_usd`, NaN where there is none,
    and `resold_at`, infinite there.
    """

    X: Floats
    level: Floats
    at: Floats
    axie: Ints
    log_ask: Floats
    comparable: Floats
    resale_usd: Floats
    resold_at: Floats

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: slice) -> Offers:
        return Offers(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def sales_as_offers(table: pd.DataFrame, progress: Progress) -> tuple[Examples, Offers]:
    """The history of a sales table, and each of its sales as an offer. Raises TrainingError if empty."""
    data = replayed(table, progress=progress)
    resale_usd, resold_at = _next_sales(data, data.axie, data.at)
    comparable = _comparable(from_table(table))[0]
    return data, Offers(
        data.X, data.level, data.at, data.axie, data.log_usd, comparable, resale_usd, resold_at
    )


def listings_as_offers(
    table: pd.DataFrame,
    outcomes: Sequence[ListingOutcome],
    progress: Progress,
    strengths: Sequence[Dated[PartStrength]] = (),
) -> tuple[Examples, Offers]:
    """The history of sales and listings, and each listing seen young as an offer at its ask.

    Raises TrainingError where there are no sales.
    """
    young = sorted(
        (held for held in outcomes if held.seen_at - held.started_at <= YOUNG), key=lambda held: held.seen_at
    )
    data = replayed(table, young, strengths, progress)
    axie = np.array([held.axie.id for held in young], dtype=np.int64)
    at = np.array([held.seen_at.timestamp() for held in young])
    # Whoever bought this very listing did what a signal would have had one do: theirs is no resale.
    bought = np.array([(held.sold_by or held.seen_at).timestamp() for held in young])
    resale_usd, resold_at = _next_sales(data, axie, np.maximum(at, bought))
    comparable = _comparable(merged(table, young))[1]
    asks = data.asks
    return data, Offers(asks.X, asks.level, at, axie, asks.log_ask, comparable, resale_usd, resold_at)


def _next_sales(data: Examples, axie: Ints, after: Floats) -> tuple[Floats, Floats]:
    """Price and time of the first sale of each axie after a moment."""
    times: defaultdict[int, list[float]] = defaultdict(list)
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, (sold, at) in enumerate(zip(data.axie.tolist(), data.at.tolist(), strict=True)):
        times[sold].append(at)
        rows[sold].append(row)
    price, at = np.full(len(axie), math.nan), np.full(len(axie), math.inf)
    for index, (asked, moment) in enumerate(zip(axie.tolist(), after.tolist(), strict=True)):
        position = bisect_right(times.get(asked, ()), moment)
        if asked in rows and position < len(rows[asked]):
            row = rows[asked][position]
            price[index], at[index] = math.exp(data.log_usd[row]), data.at[row]
    return price, at


def _comparable(events: Iterable[Event]) -> tuple[Floats, Floats]:
    """The log of the trailing comparable median before each sale, and before each ask."""
    trail, held = Trail(), list(events)
    of_sales: list[float] = []
    of_asks: list[float] = []
    for begin in range(0, len(held), BLOCK):
        block = held[begin : begin + BLOCK]
        found = keys([event.subject for event in block])[:, [_BUILD, _GROUP]].tolist()
        for event, (build, group) in zip(block, found, strict=True):
            middle = trail.look(build, group)[0]
            if isinstance(event, SaleEvent):
                of_sales.append(middle)
                trail.observe(build, group, event.price_usd)
            else:
                of_asks.append(middle)
    return np.array(of_sales), np.array(of_asks)
