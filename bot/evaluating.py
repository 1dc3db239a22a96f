"""The command that evaluates: figures on standard output, everything else on standard error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bot.commands import stages
from bot.errors import SettingsError
from bot.log import say
from pipeline.birth import Progress as Stage
from pipeline.evaluation.forecasters import Model, baselines
from pipeline.evaluation.metrics import INTERVALS, Metrics
from pipeline.evaluation.walk import MODEL, Evaluation, EvaluationError, evaluate
from pipeline.sales import SalesTableError, read_sales, rejected

NAMES = {
    "static": "static median",
    "comparable": "comparable median",
    "plain_forest": "plain forest",
}


def evaluate_command(
    sales: Sequence[Path], first: date, last: date | None, *, daily: bool, as_json: bool, jobs: int
) -> None:
    """`axieflip evaluate`. Raises SettingsError with a sentence for whatever the input can cause."""
    try:
        table = read_sales(sales)
        for reason, count in rejected(table).items():
            say(f"Rows left out: {count} ({reason})")
        with stages("Evaluating") as show:

            def progress(stage: str, share: float) -> None:
                show(Stage(stage, share))

            result = evaluate(
                table,
                {MODEL: Model(n_jobs=jobs), **baselines()},
                first=first,
                last=last,
                daily=daily,
                progress=progress,
            )
    except (SalesTableError, EvaluationError) as error:
        raise SettingsError(str(error)) from error
    if as_json:
        print(msgspec.json.encode(result).decode())  # noqa: T201
    else:
        show_tables(result, Console())


def show_tables(result: Evaluation, out: Console) -> None:
    """The result for a person, narrow enough for a terminal of 80 columns."""
    out.print(_side_by_side({"this model": result.model} | _named(result.baselines)))
    out.print(_cut("By day (UTC)", result.by_day))
    out.print(_cut("By earlier sales of the same build", result.by_build_seen))


def _named(baselines: Mapping[str, Metrics]) -> dict[str, Metrics]:
    return {NAMES.get(name, name): metrics for name, metrics in baselines.items()}


def _side_by_side(forecasts: Mapping[str, Metrics]) -> Table:
    """Every figure of every forecaster, one figure a row."""
    table = Table("", title="Forecasts", title_justify="left")
    for name in forecasts:
        table.add_column(name, justify="right", max_width=14)
    all_of = [_figures(metrics) for metrics in forecasts.values()]
    for figure in all_of[0]:
        table.add_row(figure, *(figures[figure] for figures in all_of))
    return table


def _cut(title: str, rows: Mapping[str, Metrics]) -> Table:
    """The model's main figures, one group of rows a row."""
    main = ("rows", "MAE", "median APE", "R² log", "90 % covers", "90 % width")
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for name in main:
        table.add_column(name, justify="right")
    for name, metrics in rows.items():
        figures = _figures(metrics)
        table.add_row(name, *(figures[column] for column in main))
    return table


def _figures(m: Metrics) -> dict[str, str]:
    return {
        "rows": f"{m.rows:,}",
        "MAE": "–" if m.mae is None else f"${m.mae:,.2f}",
        "MAPE": _share(m.mape),
        "median APE": _share(m.median_ape),
        "within 20 %": _share(m.within_20),
        "R² log": _number(m.r2_log, 3),
        **{f"{interval} % covers": _share(m.coverage[interval]) for interval in INTERVALS},
        **{f"{interval} % width": _number(m.width_log[interval], 2) for interval in INTERVALS},
        "pinball": _number(m.pinball, 4),
    }


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
