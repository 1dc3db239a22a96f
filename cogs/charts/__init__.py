"""The one room that draws: values in, the bytes of a PNG out, for `services.workers.run` to call.

Figures are matplotlib's own objects on an Agg canvas, without its global state. It is imported inside
`figure`, in the worker alone, so that the bot's start stays light. Every picture has Discord's dark ground
and letters that can be read where it is shown 320 points wide, as on a phone.
"""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUND: Final = "#2b2d31"  # that of an embed, so that a picture in one has no edge
TEXT: Final = "#dbdee1"
FAINT: Final = "#949ba4"
LINES: Final = "#3f4147"
GREEN: Final = "#23a55a"
RED: Final = "#f23f43"
BLUE: Final = "#5aa9f0"
AMBER: Final = "#f0b232"

WIDTH: Final = 4.0  # inches: a point of a letter is about a point on a phone
DPI: Final = 200
SIZE: Final = 9.5  # of letters, in points
_STYLE: Final = {
    "font.size": SIZE,
    "font.family": "sans-serif",
    "text.color": TEXT,
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "axes.edgecolor": LINES,
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.titlesize": SIZE + 1,
    "figure.titleweight": "bold",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINES,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": SIZE - 0.5,
    "ytick.labelsize": SIZE - 0.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": SIZE - 0.5,
    "lines.linewidth": 1.8,
    "axes.unicode_minus": True,
    # Market text is drawn as it is; a dollar sign begins no formula.
    "text.parse_math": False,
}


class Point(NamedTuple):
    """A sale in a price history; `comparable` where the forecast leans on it."""

    at: datetime
    usd: float
    comparable: bool = False


@contextmanager
def figure(title: str, height: float = 2.4, rows: int = 1, **options: Any) -> Iterator[tuple[Figure, Any]]:
    """A figure in the house's style with its axes (an array of them where `rows` is above 1)."""
    _loaded()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        made = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(made)
        made.suptitle(title, x=0.015, ha="left")
        yield made, made.subplots(rows, **options)


def png(made: Figure) -> bytes:
    """The picture's bytes. Call it inside the `with` that made the figure: the style ends with it."""
    target = io.BytesIO()
    # What `savefig` does, without its first pass over the whole figure, which only lays it out.
    made.canvas.print_png(target)  # type: ignore[attr-defined]
    return target.getvalue()


@cache
def _loaded() -> None:
    """Import once, and keep it: looking for garbage among it takes the worker a tenth of a second."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401

    gc.collect()
    gc.freeze()


def dollars(value: float, _position: object = None) -> str:
    """A short label for an axis: `$0.85`, `$12`, `$2.5k`, `−$3`."""
    size, sign = abs(value), "−" if value < 0 else ""
    if size >= 9_950:
        return f"{sign}${size / 1000:.0f}k"
    if size >= 995:
        return f"{sign}${size / 1000:.1f}k".replace(".0k", "k")
    if size >= 9.995 or size == 0:
        return f"{sign}${size:.0f}"
    return f"{sign}${size:.2f}"


def cents(value: float) -> str:
    """A label that can be added up: with cents below a hundred dollars."""
    return f"{'−' if value <= -0.005 else ''}${abs(value):.2f}" if abs(value) < 99.995 else dollars(value)


def in_dollars(axes: Axes, values: Sequence[float]) -> None:
    """A vertical axis of prices: by ratio where they differ fivefold, with round labels else."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if min(values) > 0 and max(values) / min(values) > 5:
        axes.set_yscale("log")
        # Round steps between the powers of ten too, as long as there is room for their labels.
        near = max(values) / min(values) < 200
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if near else (1.0,), numticks=6))
        axes.minorticks_off()
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], min_n_ticks=3))
    axes.yaxis.set_major_formatter(dollars)


def by_date(axes: Axes, first: datetime, last: datetime) -> None:
    """An axis of time with at most five labels, as coarse as its length allows."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    margin = max((last - first) * 0.04, timedelta(minutes=30))
    axes.set_xlim(first - margin, last + margin)  # type: ignore[arg-type]
    locator = AutoDateLocator(minticks=2, maxticks=5)
    axes.xaxis.set_major_locator(locator)
    # No offset stands beside the axis, so each label says all that is needed: a day has its month.
    formats = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
    zeros = ["%Y", "%b %Y", "%d %b", "%d %b", "%H:%M", "%H:%M"]
    words = ConciseDateFormatter(locator, formats=formats, zero_formats=zeros, show_offset=False)
    ticks = axes.xaxis.get_majorticklocs()
    axes.set_xticks(ticks, words.format_ticks(ticks))  # found once, and not whenever the figure is measured
    axes.set_xlim(first - margin, last + margin)  # type: ignore[arg-type]
    axes.grid(visible=False, axis="x")


def waterfall(steps: Sequence[tuple[str, float]], total: tuple[str, float], ask_usd: float) -> bytes:
    """What makes a price, from top to bottom: each step begins where the one before it ended.

    `steps` are names with the dollars that they add or take, `total` the name and height of what they
    come to. The ask is a line across.
    """
    names = [*(name for name, _ in steps), total[0]]
    with figure("What makes the price", 0.7 + 0.27 * len(names)) as (made, axes):
        reached = 0.0
        edges = [0.0, total[1], ask_usd]
        for row, (_, usd) in enumerate(steps):
            colour = BLUE if row == 0 else GREEN if usd >= 0 else RED
            axes.barh(row, usd, left=reached, height=0.62, color=colour)
            axes.plot([reached + usd] * 2, [row - 0.31, row + 1.31], color=FAINT, linewidth=0.8)
            reached += usd
            edges.append(reached)
        axes.barh(len(steps), total[1], height=0.62, color=BLUE)
        axes.axvline(ask_usd, color=AMBER, linewidth=1.4, linestyle=(0, (3, 2)))
        low, high = min(edges), max(edges)
        room = (high - low) or 1.0
        _label_steps(axes, steps, total[1], room)
        axes.set_xlim(low - (0.2 if low < 0 else 0.02) * room, high + 0.24 * room)
        axes.set_yticks(range(len(names)), [_short(name) for name in names], color=TEXT)
        axes.set_ylim(len(names) - 0.4, -0.95)
        axes.text(ask_usd, -0.55, f" ask {cents(ask_usd)}", color=AMBER, va="bottom", fontsize=SIZE - 0.5)
        axes.grid(visible=False)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_visible(False)
        return png(made)


def _label_steps(axes: Axes, steps: Sequence[tuple[str, float]], total: float, room: float) -> None:
    reached = 0.0
    for row, (_, usd) in enumerate(steps):
        right = max(reached, reached + usd)
        label = cents(usd) if row == 0 or usd < 0.005 else f"+{cents(usd)}"
        ground = {"facecolor": GROUND, "edgecolor": "none", "pad": 0.8}  # the line of the ask runs behind it
        axes.text(right + 0.02 * room, row, label, va="center", color=TEXT, fontsize=SIZE - 0.5, bbox=ground)
        reached += usd
    axes.text(max(total, 0.0) + 0.02 * room, len(steps), cents(total), va="center", color=TEXT, weight="bold")


def history(
    sales: Sequence[Point], ask_usd: float, resale: tuple[float, float, float], now: datetime
) -> bytes:
    """Prices of like sales over time, the comparables among them marked, with the ask and the forecast.

    `resale` is (low, middle, high); the band and its line stand where the sales end.
    """
    low, middle, high = resale
    others = [sale for sale in sales if not sale.comparable]
    chosen = [sale for sale in sales if sale.comparable]
    first = min((sale.at for sale in sales), default=now)
    with figure("Like sales, and the ask", 2.6) as (made, axes):
        axes.axhspan(low, high, color=BLUE, alpha=0.13, linewidth=0)
        axes.axhline(middle, color=BLUE, linewidth=1.2, label=f"resale {cents(middle)}")
        axes.axhline(
            ask_usd, color=AMBER, linewidth=1.4, linestyle=(0, (3, 2)), label=f"ask {cents(ask_usd)}"
        )
        _dots(axes, others, FAINT, 13, "other sales")
        _dots(axes, chosen, GREEN, 34, "comparables")
        in_dollars(axes, [ask_usd, low, high, *(sale.usd for sale in sales)])
        if sales:
            by_date(axes, first, now)
        else:
            axes.xaxis.set_visible(False)
        made.legend(
            *axes.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=2,
            columnspacing=1.4,
            handlelength=1.4,
        )
        return png(made)


def _dots(axes: Axes, sales: Sequence[Point], colour: str, size: float, label: str) -> None:
    if sales:
        axes.scatter(
            [sale.at for sale in sales],  # type: ignore[arg-type]
            [sale.usd for sale in sales],
            s=size,
            color=colour,
            label=label,
            zorder=3,
            linewidth=0,
        )


def _short(name: str, limit: int = 18) -> str:
    return name if len(name) <= limit else f"{name[: limit - 1].rstrip()}…"
