"""Weighs the offers of each day with what had been learnt before it.

Ensemble and flips are those of training, learnt anew at each day's start (UTC) from the sales before it,
or once; the promise is reckoned as for a live listing (`pipeline.appraisal.economics`). An offer's
outcome has no say in its promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from models.members import Floats
from models.rows import MIN_ROWS, TrainingError
from pipeline.appraisal.economics import Odds, Terms, odds
from pipeline.appraisal.memory import DAY, Ints
from pipeline.backtest.offers import Offers
from pipeline.history import Examples, Progress
from pipeline.training import WARM_UP, Learnt

Learner = Callable[[Examples, Progress], Learnt]
NEEDED = int(MIN_ROWS / (1 - WARM_UP)) + 1


class BacktestError(Exception):
    """The data cannot be tested on as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """n offers in time order with what was promised of each, and what came of it.

    Promised: `odds`, and `comparable_net_usd` by the trailing comparable median alone. Came:
    `realised_usd`, the net of the axie's next sale at `resold_at`; NaN and infinite where it was not sold
    again.
    """

    at: Floats
    axie: Ints
    odds: Odds
    comparable_net_usd: Floats
    realised_usd: Floats
    resold_at: Floats

    def __len__(self) -> int:
        return len(self.at)


def weigh(
    data: Examples,
    offers: Offers,
    terms: Terms,
    learner: Learner,
    *,
    first: date | None = None,
    last: date | None = None,
    daily: bool = True,
    progress: Progress,
) -> Weighed:
    """Weigh the offers of the days `first` to `last`; by default those after half of the history.

    Raises BacktestError where there are none or too little lies before them.
    """
    scored = _scored(data, offers, first, last)
    offers = offers[scored]
    day = np.floor_divide(offers.at, DAY)
    starts = np.unique(day) if daily else day[:1]
    promised: list[Odds] = []
    for number, start in enumerate(starts):
        name = f"{datetime.fromtimestamp(float(start) * DAY, UTC):%Y-%m-%d}"
        stage, done = f"walking on, {name}", number / len(starts)

        def show(_stage: str, share: float, stage: str = stage, done: float = done) -> None:
            progress(stage, done + share / len(starts))

        try:
            learnt = learner(data.sales_before(float(start) * DAY), show)
        except TrainingError as error:
            raise BacktestError(f"nothing can be learnt for {name}: {error}") from error
        rows = slice(*np.searchsorted(day, [start, start + 1])) if daily else slice(None)
        promised.append(_promises(learnt, offers[rows], terms))
    progress("weighed", 1.0)
    ask = np.exp(offers.log_ask)
    return Weighed(
        at=offers.at,
        axie=offers.axie,
        odds=Odds(*(np.concatenate(figure) for figure in zip(*promised, strict=True))),
        comparable_net_usd=terms.net(np.exp(offers.comparable), ask),
        realised_usd=terms.net(offers.resale_usd, ask),
        resold_at=offers.resold_at,
    )


def _promises(learnt: Learnt, offers: Offers, terms: Terms) -> Odds:
    ensemble, flips = learnt.fitted.ensemble, learnt.flips
    centre, scale = ensemble.forecast(offers.X)
    centre, scale = flips.resale(offers.level + centre, scale, offers.log_ask)
    return odds(flips.residuals, centre, scale, np.exp(offers.log_ask) + terms.gas_usd, terms.fee)


def _scored(data: Examples, offers: Offers, first: date | None, last: date | None) -> slice:
    """Which offers are asked for, checked."""
    if first is None:
        learnt_from = max(len(data.at) // 2, NEEDED)
        edge = data.at[min(learnt_from, len(data.at) - 1)]
        first = datetime.fromtimestamp(float(edge), UTC).date() + timedelta(days=1)
    if last is not None and last < first:
        raise BacktestError(f"--to {last} lies before --from {first}")
    begin = _midnight(first)
    end = _midnight(last + timedelta(days=1)) if last else np.inf
    rows = slice(*np.searchsorted(offers.at, [begin, end]).tolist())
    until = f" to {last}" if last else ""
    if rows.start == rows.stop:
        raise BacktestError(f"there are no offers from {first}{until}")
    history = int(np.searchsorted(data.at, begin))
    if history < NEEDED:
        raise BacktestError(
            f"only {history} sales lie before {first}: at least {NEEDED} are needed to learn from"
        )
    return rows


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
