"""The pictures that look back: a training's result, the market, and what signals came to.

Drawn like all in `cogs.charts`, in the worker; values in, a PNG's bytes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cogs.charts import FAINT, GREEN, LINES, SIZE, TEXT, figure, png

_LEVELS: Final = (50, 80, 90)


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
        errors.set_title("Median error: shorter is better", loc="left", fontsize=SIZE - 0.5, color=FAINT)
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


def _intervals(axes: Any, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """How many sales lay within intervals that promise a share: on the line is honest."""
    axes.plot([40, 100], [40, 100], color=LINES, linewidth=1.2, label="as promised")
    for metrics, colour, label in ((old, FAINT, "before"), (new, GREEN, "new")):
        points = [
            (level, 100 * float(share))
            for level in _LEVELS
            if isinstance(share := metrics.get(f"coverage_{level}"), int | float)
        ]
        if points:
            axes.plot(*zip(*points, strict=True), "o-", color=colour, markersize=4.5, label=label)
    axes.set_xlim(45, 95)
    axes.set_ylim(40, 100)
    axes.set_xticks(_LEVELS, [f"{level}%" for level in _LEVELS])
    axes.set_yticks((50, 70, 90), ["50%", "70%", "90%"])
    axes.set_title("Intervals: promised, and held", loc="left", fontsize=SIZE - 0.5, color=FAINT)
