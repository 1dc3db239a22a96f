"""History as the market's state takes it in: sales, asks and what became of them, in order of time.

A sales table and the outcomes of listings become one stream of events; replayed, each sale and each ask
has the features that it would have had when it was live, with nothing of itself in them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from models.members import Floats
from models.rows import TrainingError
from pipeline.appraisal.features import features
from pipeline.appraisal.memory import Ints
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import AskEvent, Event, SaleEvent, from_axie, from_table
from pipeline.appraisal.view import LEVEL, Strength

if TYPE_CHECKING:  # what serves never sees a table, and does without the library
    import pandas as pd

    from pipeline.labels import ListingOutcome
    from pipeline.side import Dated, PartStrength

YOUNG = timedelta(hours=8)  # what is seen later has been passed over by buyers already
Progress = Callable[[str, float], None]


class NoSales(TrainingError):
    """There is nothing to learn from."""

    def __init__(self) -> None:
        super().__init__("there are no sales to learn from: collect some first (`axieflip collect`)")


@dataclass(frozen=True, slots=True)
class Examples:
    """Sales to learn from, n in time order, and the state after the last of them.

    `X` (n, features), `log_usd` and `level` (n,), `at` (n,) in seconds, `axie` (n,).
    """

    X: Floats
    log_usd: Floats
    level: Floats
    at: Floats
    axie: Ints
    asks: Asks
    state: MarketState

    @property
    def y(self) -> Floats:
        """The log price relative to the market's level, (n,)."""
        return self.log_usd - self.level

    @property
    def following(self) -> Ints:
        """Where the same axie's next sale is, (n,); −1 where there is none."""
        order = np.argsort(self.axie, kind="stable")
        again = np.flatnonzero(self.axie[order[1:]] == self.axie[order[:-1]])
        found = np.full(len(self.axie), -1)
        found[order[again]] = order[again + 1]
        return found

    def sales_before(self, at: float) -> Examples:
        """The sales before a moment alone, without asks, whose outcomes may lie after it."""
        rows = slice(0, int(np.searchsorted(self.at, at)))
        empty = np.empty(0)
        none = Asks(self.asks.X[:0], empty, empty, empty, empty.astype(bool))
        held = {name: getattr(self, name)[rows] for name in ("X", "log_usd", "level", "at", "axie")}
        return replace(self, asks=none, **held)


@dataclass(frozen=True, slots=True)
class Asks:
    """Listings seen young, m in order of time, with what became of them.

    `X` (m, features), `level` and `log_ask` (m,), `hours` (m,) that it stood, and whether it was `sold`
    then (m,).
    """

    X: Floats
    level: Floats
    log_ask: Floats
    hours: Floats
    sold: np.ndarray


def replayed(
    table: pd.DataFrame,
    outcomes: Sequence[ListingOutcome] = (),
    strengths: Sequence[Dated[PartStrength]] = (),
    progress: Progress = lambda _stage, _fraction: None,
) -> Examples:
    """Replay a sales table and listings, each part as strong as the table of its day says.

    Raises NoSales.
    """
    if not len(table):
        raise NoSales
    state = MarketState()
    blocks: list[tuple[Floats, Floats]] = []
    events: list[Event] = []
    total = len(table) + len(outcomes)
    for held, span in spans(merged(table, outcomes), strengths):
        state.strengths = held
        for taken, view in state.walk(span):
            # The view, which is large, is not needed once the features are made of it.
            blocks.append((features(view, [event.subject for event in taken]), view.levels[:, LEVEL].copy()))
            events += taken
            progress("replaying history", min(1.0, len(events) / total))
    X = np.concatenate([block for block, _ in blocks])
    level = np.concatenate([levels for _, levels in blocks])
    sale = np.array([isinstance(event, SaleEvent) for event in events])
    return Examples(
        X=X[sale],
        log_usd=np.array([math.log(event.price_usd) for event in events if isinstance(event, SaleEvent)]),
        level=level[sale],
        at=np.array([event.at for event in events if isinstance(event, SaleEvent)]),
        axie=np.array([event.subject.axie_id for event in events if isinstance(event, SaleEvent)]),
        asks=asks_of(X[~sale], level[~sale], outcomes),
        state=state,
    )


def strength_of(row: PartStrength) -> Strength:
    """A part's strength as the state keeps it."""
    return float(row.tier), float(row.energy), float(row.attack), float(row.defence)


def spans(
    events: Sequence[Event], tables: Sequence[Dated[PartStrength]]
) -> Iterator[tuple[Mapping[str, Strength], Sequence[Event]]]:
    """The events in spans of time, each with the strengths of parts that held then."""
    begins = [datetime.combine(table.day, datetime.min.time(), UTC).timestamp() for table in tables]
    edges = [bisect_left(events, begin, key=lambda event: event.at) for begin in begins]
    yield {}, events[: edges[0] if edges else len(events)]
    for table, (start, stop) in zip(tables, pairwise([*edges, len(events)]), strict=True):
        yield {row.part: strength_of(row) for row in table.rows}, events[start:stop]


def merged(table: pd.DataFrame, outcomes: Sequence[ListingOutcome]) -> list[Event]:
    """The sales of a table and the asks of listings as one stream, in order of time."""
    events: list[Event] = list(from_table(table))
    for outcome in outcomes:
        seen = outcome.seen_at.timestamp()
        events.append(AskEvent(from_axie(outcome.axie), seen, outcome.ask_usd, outcome.seller))
    # Stable: what the table or the listings say first of one moment stays first.
    events.sort(key=lambda event: event.at)
    return events


def asks_of(X: Floats, level: Floats, outcomes: Sequence[ListingOutcome]) -> Asks:
    """The listings seen young of some, with features (m, features) and levels (m,) in order of `seen_at`."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.seen_at)
    young = np.array([held.seen_at - held.started_at <= YOUNG for held in ordered], dtype=bool)
    hours = np.array([_stood(outcome) for outcome in ordered], dtype=np.float64)
    return Asks(
        X=X[young] if len(ordered) else X,
        level=level[young] if len(ordered) else level,
        log_ask=np.log([held.ask_usd for held in ordered])[young] if len(ordered) else np.empty(0),
        hours=hours[young],
        sold=np.array([held.sold for held in ordered], dtype=bool)[young],
    )


def _stood(outcome: ListingOutcome) -> float:
    """Hours from when it was seen to the middle of the time that its sale may lie in, or to the last look."""
    until = outcome.open_until
    if outcome.sold_by is not None:
        until += (outcome.sold_by - until) / 2
    return max(0.0, (until - outcome.seen_at).total_seconds() / 3600)
