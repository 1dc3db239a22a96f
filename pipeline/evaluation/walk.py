"""The walk forward: through the scored days in order, learning only from what came before.

History is everything before the first scored day. With daily retraining every forecaster learns anew
at each day's start (UTC); without, once. The market state that the features come from takes every sale
in right after it was scored, as it does when serving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np
import pandas as pd

from models.rows import MIN_ROWS, TrainingError
from pipeline.evaluation.forecasters import Forecaster
from pipeline.evaluation.metrics import LEVELS, Floats, Metrics, measure
from pipeline.evaluation.timeline import Ints, Progress, Timeline, timeline

MODEL = "model"
BLOCK = 100  # rows forecast before a forecaster is told what they were sold for
SEEN = {"0": (0, 0), "1-4": (1, 4), "5+": (5, np.iinfo(np.int64).max)}
_EPOCH = date(1970, 1, 1)


class EvaluationError(Exception):
    """The table cannot be evaluated as asked; the message says why."""


class Evaluation(msgspec.Struct, frozen=True):
    """The model's figures, overall and cut by UTC day and by how often a build was seen; baselines'."""

    model: Metrics
    baselines: dict[str, Metrics]
    by_day: dict[str, Metrics]
    by_build_seen: dict[str, Metrics]


@dataclass(frozen=True, slots=True)
class Walk:
    """The scored rows: `quantiles` (n, len(LEVELS)) of each forecaster, and what was paid, (n,)."""

    quantiles: dict[str, Floats]
    log_price: Floats
    day: Ints
    seen: Ints


def evaluate(
    table: pd.DataFrame,
    forecasters: Mapping[str, Forecaster],
    *,
    first: date,
    last: date | None = None,
    daily: bool = True,
    progress: Progress,
) -> Evaluation:
    """Score the sales of the days `first` to `last` (or the table's end) of a sales table.

    `forecasters` holds the model under `MODEL` and the baselines. Raises EvaluationError where the
    table does not reach that far or has too little history.
    """
    until = last or date.max
    scored = _check(table, first, until)
    upto = table if last is None else table[table["sold_at"] < _midnight(last + timedelta(days=1))]
    line = timeline(upto, lambda stage, share: progress(stage, 0.15 * share))
    done = walk(
        line,
        len(upto) - scored,
        forecasters,
        daily=daily,
        progress=lambda stage, share: progress(stage, 0.15 + 0.85 * share),
    )
    return summarise(done)


def walk(
    line: Timeline,
    start: int,
    forecasters: Mapping[str, Forecaster],
    *,
    daily: bool,
    progress: Progress,
) -> Walk:
    """Forecast every row from `start` on; what a forecaster learns from always lies before."""
    count = len(line.log_price)
    edges = [start]
    if daily:
        edges += [int(edge) for edge in np.flatnonzero(np.diff(line.day)) + 1 if edge > start]
    quantiles = {name: np.empty((count - start, len(LEVELS))) for name in forecasters}
    for begin, end in zip(edges, [*edges[1:], count], strict=True):
        day = _day(line.day[begin])

        def show(_stage: str, share: float, begin: int = begin, end: int = end, day: str = day) -> None:
            progress(f"walking on, {day}", (begin - start + share * (end - begin)) / (count - start))

        for name, forecaster in forecasters.items():
            try:
                forecaster.learn(line.known[:begin], line.log_price[:begin], show)
            except TrainingError as error:
                raise EvaluationError(f"nothing can be learnt for {day}: {error}") from error
            for block in range(begin, end, BLOCK):
                rows = slice(block, min(block + BLOCK, end))
                known = line.known[rows]
                quantiles[name][rows.start - start : rows.stop - start] = forecaster.forecast(known)
                forecaster.observe(known, line.log_price[rows])
    progress("scored", 1.0)
    return Walk(quantiles, line.log_price[start:], line.day[start:], line.known.seen[start:])


def summarise(done: Walk) -> Evaluation:
    """The figures of a walk."""
    ours = done.quantiles[MODEL]

    def of(rows: np.ndarray) -> Metrics:
        return measure(done.log_price[rows], ours[rows])

    return Evaluation(
        model=measure(done.log_price, ours),
        baselines={
            name: measure(done.log_price, quantiles)
            for name, quantiles in done.quantiles.items()
            if name != MODEL
        },
        by_day={
            (_EPOCH + timedelta(days=int(day))).isoformat(): of(done.day == day)
            for day in np.unique(done.day)
        },
        by_build_seen={
            name: of((done.seen >= low) & (done.seen <= high)) for name, (low, high) in SEEN.items()
        },
    )


def _check(table: pd.DataFrame, first: date, last: date) -> int:
    """How many rows are to be scored."""
    if last < first:
        raise EvaluationError(f"--to {last} lies before --from {first}")
    if table.empty:
        raise EvaluationError("the sales table has no rows")
    days = table["sold_at"].dt.date
    begin, end = days.iloc[0], days.iloc[-1]
    if not begin <= first <= end:
        raise EvaluationError(f"--from {first} lies outside the data, which runs from {begin} to {end}")
    scored = int(((days >= first) & (days <= last)).sum())
    if scored == 0:
        raise EvaluationError(f"there are no sales from {first} to {last} to score")
    history = int((days < first).sum())
    if history < MIN_ROWS:
        raise EvaluationError(
            f"only {history} sales lie before {first}: at least {MIN_ROWS} are needed to learn from"
        )
    return scored


def _day(number: np.int64) -> str:
    return (_EPOCH + timedelta(days=int(number))).isoformat()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
