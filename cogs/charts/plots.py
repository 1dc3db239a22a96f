"""The pictures that look back: a training's result, the market, and what signals came to.

Drawn like all in `cogs.charts`, in the worker; values in, a PNG's bytes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from cogs.charts import AMBER, BLUE, FAINT, GREEN, GROUND, RED, SIZE, TEXT, by_date, figure, in_dollars, png

P = TypeVar("P")
_LEVELS: Final = (50, 80, 90)
_MOST_POINTS: Final = 400  # of a line: one to two of a picture's pixels; more take longer and show nothing


def training(version: str, report: Mapping[str, Any]) -> bytes:
    """A new model beside the one before it: how far they err, and how often their intervals hold.

    `report` is a training run's; its `before` may be missing, as for the first model.
    """
    new = report.get("metrics") or {}
    old = (report.get("before") or {}).get("metrics") or {}
    with figure(f"New model {version}", 3.4, rows=2, height_ratios=[1, 1.5]) as (made, (errors, intervals)):
        names = ["new", "before"] if old else ["new"]
        values = [100 * float(each.get("median_ape") or 0.0) for each in (new, old)][: len(names)]
        bars = errors.barh(names, values, color=[GREEN, FAINT][: len(names)], height=0.6)
        errors.bar_label(bars, [f"{value:.1f}%" for value in values], padding=4, color=TEXT)
        errors.set_xlim(0, max(values) * 1.2 or 1)
        errors.invert_yaxis()
        _caption(errors, "Median error: shorter is better")
        errors.xaxis.set_visible(False)
        errors.grid(visible=False)
        errors.tick_params(axis="y", labelcolor=TEXT)
        for side in ("bottom", "left"):
            errors.spines[side].set_visible(False)
        _intervals(intervals, new, old)
        made.legend(
            *intervals.get_legend_handles_labels(), loc="outside lower center", ncols=3, columnspacing=1.4
        )
        return png(made)


def performance(
    steps: Sequence[tuple[datetime, float, float]], chances: Sequence[tuple[float, float, int]]
) -> bytes:
    """The sum of results on paper over time, with what was promised, and how the promised chances held.

    `steps` are (when, net so far, promised so far) in dollars; `chances` (promised, paid, how many signals).
    """
    steps = _thinned(steps)
    rows = 2 if chances else 1
    ratios = [1.25, 1][:rows]
    with figure("Profit on paper", 1.9 * rows + 0.3, rows=rows, height_ratios=ratios) as (made, axes):
        upper = axes[0] if rows == 2 else axes
        times = [at for at, _, _ in steps]
        nets, promises = [net for _, net, _ in steps], [promised for _, _, promised in steps]
        upper.plot(times, promises, color=FAINT, linestyle=(0, (3, 2)), linewidth=1.2, label="promised")
        upper.step(times, nets, where="post", color=GREEN if nets[-1] >= 0 else RED, label="on paper")
        upper.fill_between(
            times, nets, step="post", color=GREEN if nets[-1] >= 0 else RED, alpha=0.15, linewidth=0
        )
        in_dollars(upper, [*nets, *promises, 0.0])
        by_date(upper, times[0], times[-1])
        upper.legend(loc="upper left", handlelength=1.4)
        if rows == 2:
            _chances(axes[1], chances)
        return png(made)


def _thinned(points: Sequence[P]) -> Sequence[P]:
    """As many of a line's points as can be told apart, evenly, with the newest."""
    return points[:: -1 - (len(points) - 1) // _MOST_POINTS][::-1]


def _chances(axes: Any, chances: Sequence[tuple[float, float, int]]) -> None:
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)))
    for promised, paid, signals in chances:
        axes.scatter(
            100 * promised, 100 * paid, s=18 + 4 * min(signals, 60), color=BLUE, zorder=3, linewidth=0
        )
        below = paid > 0.85
        axes.annotate(
            f"{signals}",
            (100 * promised, 100 * paid),
            textcoords="offset points",
            xytext=(0, -15 if below else 10),
            ha="center",
            color=TEXT,
            fontsize=SIZE - 1.5,
            bbox={"facecolor": GROUND, "edgecolor": "none", "pad": 0.6},  # the line runs behind it
        )
    axes.set_xlim(max(0, min(100 * promised for promised, _, _ in chances) - 8), 102)
    axes.set_ylim(0, 108)
    axes.xaxis.set_major_locator(_ticks())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    axes.set_yticks((50, 100), ["50%", "100%"])  # 0% would stand on the first label below
    _caption(axes, "Chance promised (across) and share that paid (up)")


def _ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5, steps=[1, 2, 5, 10])


def market(
    floors: Sequence[tuple[datetime, float]],
    levels: Sequence[tuple[datetime, float]],
    volumes: Sequence[tuple[datetime, float]],
    span_s: float,
) -> bytes:
    """Floor, level and the dollars traded in spans of so many seconds, one below the other."""
    prices = [(floors, AMBER, "Floor"), (levels, BLUE, "Level: what the market's prices move with")]
    shown = [(_thinned(points), colour, label) for points, colour, label in prices if len(points) > 1]
    times = [at for points in (floors, levels, volumes) for at, _ in points]
    rows = len(shown) + 1
    with figure("The market", 0.7 + 1.15 * rows, rows=rows, sharex=True, squeeze=False) as (made, grid):
        panels = [row[0] for row in grid]
        for axes, (points, colour, label) in zip(panels, shown, strict=False):
            axes.plot(*zip(*points, strict=True), color=colour)
            axes.plot(*points[-1], "o", color=colour, markersize=4)
            in_dollars(axes, [usd for _, usd in points])
            _caption(axes, label)
            axes.xaxis.set_visible(False)
        lower = panels[-1]
        if volumes:
            width = timedelta(seconds=span_s * 0.85)
            middle = [at + timedelta(seconds=span_s / 2) for at, _ in volumes]
            lower.bar(middle, [usd for _, usd in volumes], width=width, color=GREEN)
            in_dollars(lower, [0.0, *(usd for _, usd in volumes)])
        _caption(lower, "Traded")
        by_date(lower, min(times), max(times))
        return png(made)


def _caption(axes: Any, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=SIZE - 0.5, color=FAINT)


def axie(sales: Sequence[tuple[datetime, float]], asks: Sequence[tuple[datetime, float, float]]) -> bytes:
    """One axie's past: what it was sold for, and what was asked and forecast when it was listed."""
    times = [at for at, _ in sales] + [at for at, _, _ in asks]
    with figure("Its past", 2.4) as (made, axes):
        if asks:
            axes.plot(
                [at for at, _, _ in asks],
                [usd for _, _, usd in asks],
                "o-",
                color=BLUE,
                markersize=4,
                label="forecast",
            )
            axes.scatter(
                [at for at, _, _ in asks], [usd for _, usd, _ in asks], s=22, color=AMBER, label="asked"
            )
        if sales:
            axes.scatter(*zip(*sales, strict=True), s=34, color=GREEN, label="sold", zorder=3)
        in_dollars(axes, [usd for _, usd in sales] + [usd for _, *both in asks for usd in both])
        by_date(axes, min(times), max(times))
        made.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return png(made)


def _intervals(axes: Any, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """How many sales lay within intervals that promise a share: on the line is honest."""
    axes.plot([40, 100], [40, 100], color=AMBER, linewidth=1.2, linestyle=(0, (3, 2)), label="as promised")
    # The old one is drawn thicker below the new, to be seen where both hold alike.
    for metrics, colour, label, width in ((old, FAINT, "before", 4.0), (new, GREEN, "new", 1.8)):
        points = [
            (level, 100 * float(share))
            for level in _LEVELS
            if isinstance(share := metrics.get(f"coverage_{level}"), int | float)
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                "o-",
                color=colour,
                linewidth=width,
                markersize=2.7 + width,
                label=label,
            )
    axes.set_xlim(45, 95)
    axes.set_ylim(40, 100)
    axes.set_xticks(_LEVELS, [f"{level}%" for level in _LEVELS])
    axes.set_yticks((50, 70, 90), ["50%", "70%", "90%"])
    _caption(axes, "Intervals: promised, and held")
