"""A history too long for memory: read file by file, replayed whole, of which the newest rows are learnt from.

The market's state takes in every sale, so each row has the features that it would have had with all of the
history in hand; what is kept are the rows that training weighs at all. Memory is that of one file, of the
state, which is bounded, and of the rows kept.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from models.ensemble import TrainingError
from pipeline.appraisal.features import features
from pipeline.appraisal.memory import DAY
from pipeline.appraisal.state import LEVEL, MarketState
from pipeline.appraisal.subject import SaleEvent, from_table
from pipeline.history import Asks, Examples, Progress
from pipeline.sales import read_sales

if TYPE_CHECKING:
    import pandas as pd

    from models.members import Floats
    from pipeline.appraisal.memory import Ints

NEWEST: Final = 300_000
"""Rows that are learnt from: of older ones, training's half-life of 14 days leaves little where the market
has some thousand sales a day, and each costs its features in memory several times over."""


@dataclass(frozen=True, slots=True)
class _Block:
    X: Floats
    level: Floats
    log_usd: Floats
    at: Floats
    axie: Ints


def streamed(
    tables: Iterable[pd.DataFrame],
    *,
    newest: int = NEWEST,
    progress: Progress = lambda _stage, _fraction: None,
) -> Examples:
    """Replay sales tables, each later than the one before it, and keep the newest rows.

    `progress` is told the stage alone, as nobody knows how many tables come. Raises TrainingError where
    there are no sales, or a table begins before the one before it ended.
    """
    state = MarketState()
    blocks: deque[_Block] = deque()
    kept, taken, last = 0, 0, -math.inf
    for table in tables:
        for block in _replayed(state, table):
            if block.at[0] < last:
                raise TrainingError("the sales are not in order of time: sort the files by their first sale")
            last = float(block.at[-1])
            blocks.append(block)
            kept, taken = kept + len(block.at), taken + len(block.at)
            while kept - len(blocks[0].at) >= newest:
                kept -= len(blocks.popleft().at)
        progress(f"replaying history, {taken:,} sales", 0.0)
    if not blocks:
        raise TrainingError("there are no sales to learn from")
    rows = slice(-newest, None)
    held = {
        name: np.concatenate([getattr(block, name) for block in blocks])[rows]
        for name in ("X", "log_usd", "level", "at", "axie")
    }
    none = np.empty(0)
    asks = Asks(held["X"][:0], none, none, none, none.astype(bool))
    return Examples(asks=asks, state=state, **held)


def read_files(paths: Iterable[Path]) -> Iterator[pd.DataFrame]:
    """Sales tables of CSV or Parquet files, one in memory at a time. Raises as `read_sales` does."""
    for path in paths:
        yield read_sales([path])


def _replayed(state: MarketState, table: pd.DataFrame) -> Iterator[_Block]:
    for events, view in state.walk(from_table(table)):
        sales = cast(list[SaleEvent], events)
        yield _Block(
            X=features(view, [sale.subject for sale in sales]),
            level=view.levels[:, LEVEL].copy(),
            log_usd=np.log([sale.price_usd for sale in sales]),
            at=np.array([sale.at for sale in sales]),
            axie=np.array([sale.subject.axie_id for sale in sales]),
        )


def days_kept(data: Examples) -> float:
    """How many days the rows span."""
    return float(data.at[-1] - data.at[0]) / DAY
