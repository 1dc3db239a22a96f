"""The pictures of a training's report, each by itself and all on one page.

Only the training process imports this: matplotlib's own figures on an Agg canvas, without its global
state. A picture is shown small, in a chat, so it has one subject and large letters.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from pipeline.report.figures import Band, Report

BLUE, AMBER, GREEN, FAINT = "#2463a8", "#c77f1a", "#2e8b57", "#888888"
SIZE = (6.0, 4.0)
DPI = 130
FEW = 10
PLAIN: Any = {"text.parse_math": False}  # a dollar sign begins no formula


def draw(name: str, report: Report) -> bytes:
    """One of `PICTURES`, as a PNG."""
    with rc_context(PLAIN):
        made = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
        FigureCanvasAgg(made)
        _panel(made.subplots(), name, report)
        return _png(made)


def overview(report: Report) -> bytes:
    """All of `PICTURES` on one page, as a PNG."""
    columns = 2
    rows = -(-len(PICTURES) // columns)
    with rc_context(PLAIN):
        made = Figure(figsize=(SIZE[0] * columns, SIZE[1] * rows), dpi=90, layout="constrained")
        FigureCanvasAgg(made)
        made.suptitle(f"Model {report.version}: {'promoted' if report.promoted else 'not promoted'}")
        panels = made.subplots(rows, columns).ravel().tolist()
        for name, axes in zip(PICTURES, panels, strict=False):
            _panel(axes, name, report)
        for axes in panels[len(PICTURES) :]:
            axes.set_axis_off()
        return _png(made)


def _panel(axes: Any, name: str, report: Report) -> None:
    title, fill = PICTURES[name]
    axes.set_title(title, fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    fill(axes, report)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)


def _predicted(axes: Any, report: Report) -> None:
    paid, forecast = zip(*report.dots, strict=True)
    ends = min(*paid, *forecast), max(*paid, *forecast)
    axes.plot(ends, ends, color=FAINT, linewidth=1)
    axes.scatter(paid, forecast, s=5, alpha=0.35, color=BLUE, linewidths=0)
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("log")
        axis.set_major_formatter(_dollars)
    axes.set_xlabel("paid")
    axes.set_ylabel("forecast")


def _by_price(axes: Any, report: Report) -> None:
    _bars(axes, report.by_price)
    axes.set_xlabel("price paid")


def _by_seen(axes: Any, report: Report) -> None:
    _bars(axes, report.by_seen)
    axes.set_xlabel("remembered sales of the same build")


def _bars(axes: Any, bands: Sequence[Band]) -> None:
    bands = [
        band for band in bands if band.rows >= FEW
    ] or bands  # a handful says nothing, and hides the rest
    bars = axes.bar([band.name for band in bands], [100 * band.median_ape for band in bands], color=BLUE)
    axes.bar_label(bars, [f"{band.rows:,}" for band in bands], padding=2, fontsize=8, color=FAINT)
    axes.yaxis.set_major_formatter(_per_cent)
    axes.margins(y=0.12)
    axes.set_ylabel("median error (above: sales)")
    axes.tick_params(axis="x", labelsize=8, rotation=20 if len(bands) > 5 else 0)


def _coverage(axes: Any, report: Report) -> None:
    days = [day.day[5:] for day in report.by_day]
    for share, colour in (("50", AMBER), ("80", GREEN), ("90", BLUE)):
        axes.axhline(float(share), color=colour, linewidth=0.8, linestyle=(0, (4, 3)))
        held = [100 * day.coverage[share] for day in report.by_day]
        axes.plot(days, held, color=colour, marker="o", markersize=4, label=f"{share} % interval")
    axes.set_ylim(0, 100)
    axes.yaxis.set_major_formatter(_per_cent)
    step = -(-len(days) // 10)
    axes.set_xticks(range(0, len(days), step), days[::step])
    axes.set_ylabel("sales inside (dashed: promised)")


def _profit(axes: Any, report: Report) -> None:
    axes.axhline(0, color=FAINT, linewidth=0.8)
    drawn = False
    for (name, steps), colour in zip(report.profit.items(), (BLUE, AMBER), strict=False):
        if steps:
            drawn = True
            at = [datetime.fromtimestamp(step.at, UTC) for step in steps]
            nets = [step.net_usd for step in steps]
            axes.step(at, nets, where="post", color=colour, label=f"{name}: {len(steps)} signals sold on")
    if not drawn:
        axes.text(0.5, 0.5, "no signal was sold on", ha="center", transform=axes.transAxes, color=FAINT)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    locator = AutoDateLocator(maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.yaxis.set_major_formatter(_dollars)
    axes.set_ylabel("net on paper, added up")


def _weights(axes: Any, report: Report) -> None:
    names = list(report.weights)[::-1]
    bars = axes.barh(names, [100 * report.weights[name] for name in names], color=BLUE)
    told = [report.left_out.get(name, f"{report.weights[name]:.0%}") for name in names]
    axes.bar_label(bars, told, padding=3, fontsize=9, color=FAINT)
    axes.set_xlim(0, 115 * max(*report.weights.values(), 0.01))
    axes.xaxis.set_major_formatter(_per_cent)


def _learning(axes: Any, report: Report) -> None:
    points = report.learning
    axes.plot([point.rows for point in points], [point.mae_log for point in points], color=BLUE, marker="o")
    axes.xaxis.set_major_formatter(_whole)
    axes.set_xlabel("sales learnt from, the newest")
    axes.set_ylabel("mean log error of a quick member")


PICTURES: dict[str, tuple[str, Callable[[Any, Report], None]]] = {
    "predicted": ("Forecast against what was paid", _predicted),
    "error-by-price": ("Error by price", _by_price),
    "error-by-comparables": ("Error by comparables seen", _by_seen),
    "coverage": ("What the intervals held, by day (UTC)", _coverage),
    "profit": ("Profit of the signals", _profit),
    "weights": ("Weights of the members", _weights),
    "learning": ("Would more sales help?", _learning),
}


def _png(made: Figure) -> bytes:
    target = io.BytesIO()
    # What `savefig` does, without its first pass over the whole figure, which only lays it out.
    made.canvas.print_png(target)  # type: ignore[attr-defined]
    return target.getvalue()


def _dollars(value: float, _position: object = None) -> str:
    size = abs(value)
    return f"{'−' if value < 0 else ''}${size:,.{0 if size >= 10 or size == 0 else 2}f}"


def _whole(value: float, _position: object = None) -> str:
    return f"{value:,.0f}"


def _per_cent(value: float, _position: object = None) -> str:
    return f"{value:g} %"
