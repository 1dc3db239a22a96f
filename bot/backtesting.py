"""The command that backtests: figures on standard output, everything else on standard error."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from rich.box import SIMPLE
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from bot.commands import stages
from bot.errors import AxieflipError, SettingsError
from bot.log import say
from models.rows import TrainingError
from pipeline.appraisal.economics import Terms
from pipeline.backtest.offers import Offers, listings_as_offers, sales_as_offers
from pipeline.backtest.report import Report, Source, report
from pipeline.backtest.results import Best, Result
from pipeline.backtest.weighing import BacktestError, Weighed, weigh
from pipeline.birth import Progress as Stage
from pipeline.history import Examples, Progress
from pipeline.labels import build_sales, listing_outcomes
from pipeline.objects import ObjectStore, StoreError
from pipeline.sales import SalesTableError, read_sales, rejected
from pipeline.side import part_strength_tables
from pipeline.signal import Thresholds
from pipeline.training import learn

if TYPE_CHECKING:
    from collections.abc import Mapping

REPLAY = 0.15  # of the progress
COLUMNS = ("signals", "re-\nsold", "won", "mean\nnet", "prom-\nised", "median\nnet", "a day", "worst\nstreak")


class Plan(Struct, frozen=True):
    """What a person asked for; offers come from tables of sales, or else from the object store."""

    thresholds: list[Thresholds]
    terms: Terms
    first: date | None
    last: date | None
    daily: bool
    jobs: int
    as_json: bool
    png: Path | None


def backtest_command(plan: Plan, sales: Sequence[Path], store: ObjectStore | None) -> None:
    """`axieflip backtest`. Raises AxieflipError with a sentence for whatever the input can cause."""
    try:
        source: Source = "sales" if store is None else "listings"
        with stages("Backtesting") as show:

            def replaying(stage: str, share: float) -> None:
                show(Stage(stage, REPLAY * share))

            def walking(stage: str, share: float) -> None:
                show(Stage(stage, REPLAY + (1 - REPLAY) * share))

            data, offers = _from_sales(sales, replaying) if store is None else _from_store(store, replaying)
            weighed = weigh(
                data,
                offers,
                plan.terms,
                lambda history, progress: learn(history, n_jobs=plan.jobs, progress=progress),
                first=plan.first,
                last=plan.last,
                daily=plan.daily,
                progress=walking,
            )
    except (SalesTableError, BacktestError) as error:
        raise SettingsError(str(error)) from error
    except StoreError as error:
        raise AxieflipError(str(error)) from error
    except TrainingError as error:
        raise AxieflipError(f"nothing can be tested: {error}") from error
    result = report(weighed, plan.thresholds, plan.terms, source, daily=plan.daily)
    if plan.png is not None:
        _draw(weighed, plan.thresholds, plan.png)
    if plan.as_json:
        print(msgspec.json.encode(result).decode())  # noqa: T201
    else:
        show_report(result, Console())


def _from_sales(paths: Sequence[Path], progress: Progress) -> tuple[Examples, Offers]:
    table = read_sales(paths)
    _left_out(rejected(table))
    return sales_as_offers(table, progress)


def _from_store(store: ObjectStore, progress: Progress) -> tuple[Examples, Offers]:
    labels = build_sales(store)
    _left_out(labels.excluded)
    return listings_as_offers(labels.table, listing_outcomes(store), progress, part_strength_tables(store))


def _left_out(reasons: Mapping[str, int]) -> None:
    for reason, count in reasons.items():
        if count:
            say(f"Sales left out: {count} ({reason})")


def _draw(weighed: Weighed, thresholds: Sequence[Thresholds], path: Path) -> None:
    from pipeline.backtest.plot import draw

    picture = draw(weighed, thresholds)
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise AxieflipError(f"cannot write {path}: {error.strerror}") from error
    say(f"Picture: {path}")


def show_report(result: Report, out: Console) -> None:
    """The report for a person, narrow enough for a terminal of 80 columns."""
    out.print(
        f"{result.offers:,} {result.source} as offers, {result.first} to {result.last}"
        f" ({_days(result.days)}), {result.resolved:,} of them sold again."
        f" Fee {result.fee:.2%}, gas ${result.gas_usd:.2f}.\n",
        highlight=False,
    )
    cells = [
        (f"${cell.min_net_usd:g} {cell.min_return:.0%} {cell.min_probability:.0%}", cell.result)
        for cell in result.grid
    ]
    out.print(_table("Signals by threshold", "net, return,\nchance ≥", cells))
    out.print()
    out.print(best_tenth(result.top_tenth))
    out.print()
    out.print("What not to believe of it:", highlight=False)
    for caveat in result.caveats:
        out.print(f"- {caveat}", highlight=False)


def best_tenth(top: Best) -> Group:
    """The best tenth beside the choice of a simple rule."""
    title = (
        f"The {top.chosen:,} best: a tenth of all signals that promise a gain,"
        " and as many chosen by the trailing comparable median"
    )
    return _table(title, "chosen by", [("this model", top.model), ("comparable", top.comparable)])


def _table(title: str, key: str, rows: Sequence[tuple[str, Result]]) -> Group:
    table = Table(box=SIMPLE, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False)
    table.add_column(key, no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", vertical="bottom")
    for name, result in rows:
        table.add_row(name, *_figures(result))
    return Group(Text(title, style="italic"), table)


def _figures(result: Result) -> tuple[str, ...]:
    streak = result.worst_streak
    return (
        f"{result.signals:,}",
        _share(result.resolved_share),
        _share(result.win_rate),
        _usd(result.mean_net_usd),
        _usd(result.promised_mean_net_usd),
        _usd(result.median_net_usd),
        _usd(result.profit_per_day_usd, digits=0),
        f"{streak.losses}: {_usd(streak.net_usd, digits=0 if streak.net_usd < -9.995 else 2)}"
        if streak.losses
        else "–",
    )


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _usd(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "–"
    return f"{'−' if value < 0 else ''}${abs(value):,.{digits}f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
