"""Whether the model's best signals would have paid better than those of the trailing comparable median.

The ensembles are those that the walk of the evaluation learnt, each from what came before its day; what
they make of flips is learnt beside them from the same history.
"""

from __future__ import annotations

from datetime import date

import pandas as pd
from rich.console import Console

from bench.timing import judged
from bot.backtesting import show_report
from models.ensemble import Fitted
from pipeline.appraisal.economics import Terms
from pipeline.backtest.offers import sales_as_offers
from pipeline.backtest.report import report
from pipeline.backtest.results import grid
from pipeline.backtest.weighing import weigh
from pipeline.evaluation.forecasters import Model
from pipeline.evaluation.metrics import Floats
from pipeline.evaluation.timeline import Known, Progress
from pipeline.history import Examples
from pipeline.training import Learnt, learnt_around

GRID = grid([0.3], [0.2], [0.6, 0.7, 0.8, 0.9])


class Remembering(Model):
    """The model, with every ensemble that it learnt, by how many sales taught it."""

    def __init__(self, *, n_jobs: int = 1) -> None:
        super().__init__(n_jobs=n_jobs)
        self.learnt: dict[int, Fitted] = {}

    def learn(self, known: Known, log_price: Floats, progress: Progress) -> None:
        super().learn(known, log_price, progress)
        assert self.fitted
        self.learnt[len(known)] = self.fitted


def flips(
    table: pd.DataFrame, model: Remembering, *, first: date, daily: bool, progress: Progress, out: Console
) -> list[str]:
    """Print the backtest of what a walk has learnt; the lines that say whether what must hold does."""

    def remembered(history: Examples, _progress: Progress) -> Learnt:
        return learnt_around(history, model.learnt[len(history.at)])

    data, offers = sales_as_offers(table, progress)
    weighed = weigh(data, offers, Terms(), remembered, first=first, daily=daily, progress=progress)
    found = report(weighed, GRID, Terms(), "sales", daily=daily)
    show_report(found, out)
    ours, theirs = found.top_tenth.model, found.top_tenth.comparable
    lines = [
        ("the best tenth of signals wins more often than the comparable median's choice",
         ours.win_rate or 0.0, theirs.win_rate or 0.0, "{:.1%}"),
        ("and earns more each", ours.mean_net_usd or 0.0, theirs.mean_net_usd or 0.0, "${:.2f}"),
        ("and in all", ours.total_net_usd, theirs.total_net_usd, "${:,.0f}"),
    ]  # fmt: skip
    return judged(
        (what, f"{form.format(own)} against {form.format(other)}", own > other)
        for what, own, other, form in lines
    )
