"""The picture of a backtest: the profit as it came in, and how fast the best picks get worse."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from models.members import Floats
from pipeline.backtest.results import ranked, signals
from pipeline.backtest.weighing import Weighed
from pipeline.signal import Thresholds

MOST = 6  # lines that can be told apart
LEAST = 10  # resolved picks before a mean is drawn
BLUE, AMBER, FAINT = "#2463a8", "#c77f1a", "#888888"


def draw(weighed: Weighed, grid: Sequence[Thresholds]) -> bytes:
    """A PNG. Of a grid, the thresholds that brought most are drawn."""
    made = Figure(figsize=(8, 7), dpi=120, layout="constrained")
    FigureCanvasAgg(made)
    above, below = made.subplots(2)
    _profit(above, weighed, grid)
    _by_rank(below, weighed)
    for axes in (above, below):
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_formatter(_dollars)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    target = io.BytesIO()
    made.savefig(target, format="png")
    return target.getvalue()


def _profit(axes: Any, weighed: Weighed, grid: Sequence[Thresholds]) -> None:
    curves = [_resolved(weighed, signals(weighed, thresholds)) for thresholds in grid]
    order = sorted(range(len(grid)), key=lambda index: -float(weighed.realised_usd[curves[index]].sum()))
    for index in order[:MOST]:
        rows, asked = curves[index], grid[index]
        if not len(rows):
            continue
        at = [datetime.fromtimestamp(second, UTC) for second in weighed.resold_at[rows].tolist()]
        name = (
            f"net ≥ ${asked.min_net_usd:g}, return ≥ {asked.min_return:.0%},"
            f" chance ≥ {asked.min_probability:.0%}: {len(rows):,} resold"
        )
        axes.step(at, np.cumsum(weighed.realised_usd[rows]), where="post", linewidth=1.4, label=name)
    locator = AutoDateLocator(maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_title("Net of the signals that were sold again, added up by time of resale", fontsize=10)


def _by_rank(axes: Any, weighed: Weighed) -> None:
    lines = (
        ("this model", weighed.odds.net_usd, BLUE),
        ("comparable median", weighed.comparable_net_usd, AMBER),
    )
    for name, expected, colour in lines:
        rows = ranked(weighed, expected)
        resolved = np.isfinite(weighed.resold_at[rows])
        mean = _running_mean(weighed.realised_usd[rows][resolved])
        picks = np.flatnonzero(resolved) + 1
        axes.plot(picks[LEAST:], mean[LEAST:], color=colour, linewidth=1.4, label=f"chosen by {name}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_whole)
    axes.set_xlabel("offers chosen, the most promising first")
    axes.set_title("Mean net of those chosen that were sold again", fontsize=10)


def _running_mean(values: Floats) -> Floats:
    mean: Floats = np.cumsum(values) / np.arange(1, len(values) + 1)
    return mean


def _resolved(weighed: Weighed, rows: Any) -> Any:
    rows = rows[np.isfinite(weighed.resold_at[rows])]
    return rows[np.argsort(weighed.resold_at[rows], kind="stable")]


def _dollars(value: float, _position: object = None) -> str:
    size = abs(value)
    return f"{'−' if value < 0 else ''}${size:,.{0 if size >= 10 or size == 0 else 2}f}"


def _whole(value: float, _position: object = None) -> str:
    return f"{value:,.0f}"
