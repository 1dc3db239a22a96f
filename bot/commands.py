"""The commands that collect, train and evaluate, with their progress on the terminal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from bot.errors import AxieflipError, SettingsError
from bot.log import as_json, say
from bot.outside import birth_order, open_market, open_objects, side_sources
from bot.services.births import give_birth
from bot.services.collecting import collect_all
from bot.services.elsewhere import Log
from pipeline.birth import Progress as Stage
from pipeline.birth import Result
from pipeline.clock import Clock, SystemClock
from pipeline.collect import CollectBudget, CollectSummary
from pipeline.market.errors import MarketError
from pipeline.objects import StoreError, probe

if TYPE_CHECKING:
    from bot.settings import Settings

console = Console(stderr=True)
log = structlog.get_logger(__name__)


class PlainLines:
    """Progress for a log: the first word of a subject, then one every few seconds, then the last one."""

    def __init__(self, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._told: dict[str, float] = {}
        self._over: set[str] = set()

    def tell(self, subject: str, how_far: str, *, over: bool = False) -> None:
        """Say how far a subject is, unless that was said just now."""
        now = self._clock()
        fresh = subject not in self._told
        if fresh or now - self._told[subject] >= self._every_s or (over and subject not in self._over):
            self._told[subject] = now
            # Whatever the log's level is: it was asked for by starting the command.
            now_utc = "" if as_json() else f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} "
            say(f"{now_utc}{subject}: {how_far}")
        if over:
            self._over.add(subject)


def _counted(done: int, of: int | None) -> str:
    return f"{done:,}" if of is None else f"{done:,} of {of:,}"


@contextmanager
def counting(title: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A display of several counters: call it with a kind, how many are done and of how many.

    Where there is no terminal, a line now and then says how far each is.
    """
    if as_json() or not console.is_terminal:
        lines = PlainLines()
        yield lambda kind, done, of: lines.tell(f"{title} {kind}", _counted(done, of), over=done == of)
        return
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
    """A display of one job's stage and share done; a line a stage where there is no terminal."""
    if as_json() or not console.is_terminal:
        lines = PlainLines()
        yield lambda stage: lines.tell(f"{title}: {stage.stage}", f"{stage.fraction:.0%}")
        return
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
                return await collect_all(
                    client,
                    open_objects(settings),
                    clock,
                    budget=CollectBudget(minutes=minutes, history=history),
                    progress=show,
                    side=side_sources(settings),
                )
    except (MarketError, StoreError) as error:
        raise AxieflipError(str(error)) from error


async def train_from_store(
    settings: Settings, clock: Clock, *, run: str | None = None, **changes: Any
) -> Result:
    """One training in a process of its own, with a display.

    Raises AxieflipError where it fails: SettingsError where what it was told to do must be corrected.
    `changes` are those of what the process is told to do (`pipeline.birth.Order`); under the name of a
    `run`, whoever started it elsewhere reads in the object store how far it is and what came of it.
    """
    import msgspec

    order = msgspec.structs.replace(birth_order(settings, clock), **changes)
    told = Log(open_objects(settings), run) if run else None
    with stages("Training") as show:

        def tell(stage: Stage) -> None:
            show(stage)
            if told is not None:
                told.write(stage)

        result = await give_birth(order, tell)
    if told is not None:
        told.write(result)
    if result.error is not None:
        failure = SettingsError if result.mistaken else AxieflipError
        raise failure(f"No model was trained: {result.error}")
    return result


async def _require_store(settings: Settings) -> None:
    """Raises SettingsError where the object store takes nothing: what follows takes minutes."""
    try:
        await asyncio.to_thread(probe, open_objects(settings))
    except StoreError as error:
        raise SettingsError(f"OBJECT_STORE {settings.object_store} cannot be used: {error}.") from error


@contextmanager
def _told(what: str) -> Iterator[None]:
    """How it ended as an event of the log, where that is for machines: alarms are made from it.

    A person is told by the command's own output.
    """
    try:
        yield
    except Exception as error:
        if as_json():
            log.error(f"{what} failed", reason=str(error) or type(error).__name__)
        raise
    if as_json():
        log.info(f"{what} done")


async def collect_command(settings: Settings, minutes: float, history_days: float) -> None:
    """`axieflip collect`."""
    await _require_store(settings)
    with _told("collection"):
        summary = await collect_into_store(settings, SystemClock(), minutes, timedelta(days=history_days))
        say(str(summary))
        if summary.failures and not sum(summary.rows.values()):
            raise AxieflipError(f"Nothing was collected: {summary.stopped or 'every request failed'}.")


async def train_command(settings: Settings, **changes: Any) -> None:
    """`axieflip train`."""
    await _require_store(settings)
    with _told("training"):
        result = await train_from_store(settings, SystemClock(), **changes)
        say(describe(result))


def _searched(search: Mapping[str, Any]) -> str:
    found = ", ".join(
        f"{name} {told['default_error']:.4f} → {told['error']:.4f}"
        for name, told in search["members"].items()
    )
    return f"{search['trials']} trials in {search['seconds']:.0f} s; log error {found or 'of nothing'}"


def describe(result: Result) -> str:
    """A trained version in three lines, and a line for each warning about its data."""
    metrics = result.report["metrics"]
    weights = ", ".join(
        f"{name} {facts['weight']:.0%}" for name, facts in result.report["members"].items() if facts["weight"]
    )
    warnings = result.report.get("warnings", ())
    search = result.report.get("search")
    report = result.report.get("report") or {}
    verdict = "promoted" if result.promoted else "not promoted"
    return (
        f"Model {result.version}: median error {metrics['median_ape']:.1%}, "
        f"90 % interval covers {metrics['coverage_90']:.0%} of {metrics['rows']} newest sales; {verdict}: "
        f"{result.reason}\nMembers: {weights}; {result.report['rows']} sales learnt from"
        + ("" if search is None else f"\nSearch: {_searched(search)}")
        + f"\nReport: {report.get('link') or report.get('error', 'none')}"
        + f"\nValidation: {len(warnings)} warnings, {result.report.get('validation', 'no report')}"
        + "".join(f"\n  {warning}" for warning in warnings)
    )
