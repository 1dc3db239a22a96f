"""History part by part, as training takes it in: replayed whole, of which the newest rows are learnt from.

The market's state takes in every sale and ask, so each row has the features that it would have had with all
of the history in hand; what is kept are the rows that training weighs at all. Memory is that of one part, of
the state, which is bounded, and of the rows kept. A history that is one part gives what `replayed` gives.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.rows import TrainingError
from pipeline.appraisal.features import features
from pipeline.appraisal.memory import DAY
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import Event, SaleEvent
from pipeline.appraisal.view import LEVEL, View
from pipeline.history import Asks, Examples, NoSales, Progress, asks_of, merged, spans
from pipeline.sales import read_sales

if TYPE_CHECKING:
    import pandas as pd

    from models.members import Floats
    from pipeline.appraisal.memory import Ints
    from pipeline.labels import ListingOutcome
    from pipeline.side import Dated, PartStrength

NEWEST: Final = 300_000
"""Rows that are learnt from, of sales and of asks each: of older ones, training's half-life of 14 days leaves
little where the market has some thousand sales a day, and each costs its features in memory several times."""


@dataclass(frozen=True, slots=True)
class Part:
    """The sales table of a span of time, and the outcomes of the listings first seen in it."""

    table: pd.DataFrame
    outcomes: Sequence[ListingOutcome] = ()


@dataclass(frozen=True, slots=True)
class _Sales:
    X: Floats
    log_usd: Floats
    level: Floats
    at: Floats
    axie: Ints


def streamed(
    parts: Iterable[Part],
    strengths: Sequence[Dated[PartStrength]] = (),
    *,
    newest: int = NEWEST,
    progress: Progress = lambda _stage, _fraction: None,
) -> Examples:
    """Replay parts, each later than the one before it, and keep the newest rows.

    `progress` is told the share of the part at hand. Raises TrainingError where there are no sales, or a part
    begins before the one before it ended.
    """
    state, last = MarketState(), -math.inf
    sales, asks = _Newest(newest), _Newest(newest)
    for part in parts:
        outcomes = iter(sorted(part.outcomes, key=lambda outcome: outcome.seen_at))
        done, total = 0, len(part.table) + len(part.outcomes)
        for held, span in spans(merged(part.table, part.outcomes), strengths):
            state.strengths = held
            for taken, view in state.walk(span):
                if taken[0].at < last:
                    raise TrainingError(
                        "the sales are not in order of time: sort the files by their first sale"
                    )
                last, done = taken[-1].at, done + len(taken)
                sold, asked = _block(taken, view, outcomes)
                sales.add(sold)
                asks.add(asked)
                progress("replaying history", done / total)
    if not sales.rows:
        raise NoSales
    return Examples(asks=Asks(**asks.joined()), state=state, **sales.joined())


def _block(taken: Sequence[Event], view: View, outcomes: Iterator[ListingOutcome]) -> tuple[_Sales, Asks]:
    X, level = features(view, [event.subject for event in taken]), view.levels[:, LEVEL]
    sale = np.array([isinstance(event, SaleEvent) for event in taken])
    sold = [event for event in taken if isinstance(event, SaleEvent)]
    rows = _Sales(
        X=X[sale],
        log_usd=np.array([math.log(event.price_usd) for event in sold]),
        level=level[sale],
        at=np.array([event.at for event in sold]),
        axie=np.array([event.subject.axie_id for event in sold], dtype=np.int64),
    )
    # Asks are told in the order of their outcomes.
    return rows, asks_of(X[~sale], level[~sale], list(islice(outcomes, len(taken) - len(sold))))


class _Newest:
    """The newest of blocks of rows in order of time, as many blocks as hold the rows wanted."""

    def __init__(self, wanted: int) -> None:
        self.rows, self._wanted = 0, wanted
        self._blocks: deque[_Sales | Asks] = deque()

    def add(self, block: _Sales | Asks) -> None:
        self._blocks.append(block)
        self.rows += len(block.X)
        while self.rows - len(self._blocks[0].X) >= self._wanted:
            self.rows -= len(self._blocks.popleft().X)

    def joined(self) -> dict[str, Any]:
        """Arrays by the blocks' fields. The blocks are let go one by one, lest all rows be held twice."""
        stop = min(self.rows, self._wanted)
        first = self._blocks[0]
        arrays = {
            name: np.empty((stop, *held.shape[1:]), held.dtype)
            for name, held in ((each.name, getattr(first, each.name)) for each in fields(first))
        }
        while self._blocks:
            block = self._blocks.pop()
            start = max(0, stop - len(block.X))
            for name, array in arrays.items():
                array[start:stop] = getattr(block, name)[len(block.X) - (stop - start) :]
            stop = start
        return arrays


def read_files(paths: Iterable[Path]) -> Iterator[Part]:
    """Parts of CSV or Parquet files of sales, one in memory at a time. Raises as `read_sales` does."""
    for path in paths:
        yield Part(read_sales([path]))


def days_kept(data: Examples) -> float:
    """How many days the rows span."""
    return float(data.at[-1] - data.at[0]) / DAY
