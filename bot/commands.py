"""The commands that collect, train and evaluate, with their progress on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from bot.app import birth_order, open_market, open_objects, side_sources
from bot.errors import AxieflipError
from bot.services.retraining import give_birth
from pipeline.birth import Progress as Stage
from pipeline.birth import Result
from pipeline.clock import Clock, SystemClock
from pipeline.collect import CollectBudget, CollectSummary, collect
from pipeline.market.errors import MarketError

if TYPE_CHECKING:
    from bot.settings import Settings

console = Console(stderr=True)


@contextmanager
def counting(title: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A display of several counters: call it with a kind, how many are done and of how many."""
    columns = TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=False) as display:
        tasks: dict[str, Any] = {}

        def show(kind: str, done: int, of: int | None) -> None:
            if kind not in tasks:
                tasks[kind] = display.add_task(f"{title} {kind}", total=of)
            display.update(tasks[kind], completed=done, total=of)

        yield show


@contextmanager
def stages(title: str) -> Iterator[Callable[[Stage], None]]:
    """A display of one job's stage and share done."""
    columns = TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=False) as display:
        task = display.add_task(title, total=1.0)

        def show(stage: Stage) -> None:
            display.update(task, description=f"{title}: {stage.stage}", completed=stage.fraction)

        yield show
        display.update(task, description=title, completed=1.0)


async def collect_into_store(
    settings: Settings, clock: Clock, minutes: float, history: timedelta
) -> CollectSummary:
    """One collection with a display. Raises AxieflipError with a sentence where the market refuses."""
    try:
        async with open_market(settings, clock) as client:
            with counting("Collecting") as show:
                return await collect(
                    client,
                    open_objects(settings),
                    clock,
                    budget=CollectBudget(minutes=minutes, history=history),
                    progress=show,
                    side=side_sources(settings),
                )
    except MarketError as error:
        raise AxieflipError(str(error)) from error


async def train_from_store(settings: Settings, clock: Clock, days: float | None, jobs: int) -> Result:
    """One training in a process of its own, with a display. Raises AxieflipError where it fails."""
    import msgspec

    order = msgspec.structs.replace(birth_order(settings, clock), days=days, jobs=jobs)
    with stages("Training") as show:
        result = await give_birth(order, show)
    if result.error is not None:
        raise AxieflipError(f"No model was trained: {result.error}")
    return result


async def collect_command(settings: Settings, minutes: float, history_days: float) -> None:
    """`axieflip collect`."""
    summary = await collect_into_store(settings, SystemClock(), minutes, timedelta(days=history_days))
    console.print(str(summary), highlight=False)


async def train_command(settings: Settings, days: float | None, jobs: int) -> None:
    """`axieflip train`."""
    result = await train_from_store(settings, SystemClock(), days, jobs)
    console.print(describe(result), highlight=False)


def describe(result: Result) -> str:
    """A trained version in three lines, and a line for each warning about its data."""
    metrics = result.report["metrics"]
    weights = ", ".join(
        f"{name} {facts['weight']:.0%}" for name, facts in result.report["members"].items() if facts["weight"]
    )
    warnings = result.report.get("warnings", ())
    verdict = "promoted" if result.promoted else "not promoted"
    return (
        f"Model {result.version}: median error {metrics['median_ape']:.1%}, "
        f"90 % interval covers {metrics['coverage_90']:.0%} of {metrics['rows']} newest sales; {verdict}: "
        f"{result.reason}\nMembers: {weights}; {result.report['rows']} sales learnt from"
        f"\nValidation: {len(warnings)} warnings, {result.report.get('validation', 'no report')}"
        + "".join(f"\n  {warning}" for warning in warnings)
    )
