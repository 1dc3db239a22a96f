"""How a model is born, as one job for a process of its own: labels, validation gate, training.

Run as `python -m pipeline.birth`; it reads one JSON object of `Order` on standard input and writes one
JSON object a line on standard output: progress, and at the end the result. Being a process of its own
keeps the heavy libraries and the load out of the bot, and lets it be ended at any moment: a version
that is not wholly stored and signed does not exist.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from pipeline import garbage

if TYPE_CHECKING:
    from pipeline.collected import Collected
    from pipeline.datasets import Damaged
    from pipeline.given import Given
    from pipeline.objects import ObjectStore
    from pipeline.training import Outcome


# Of fewer rows members are fitted in this process: others would take as long to start as they save.
FEW = 8_000


class Order(msgspec.Struct, frozen=True):
    """What to do. `key` is the signing key; the order travels by pipe, never on a command line.

    Where there are files of `sales`, these are learnt from, and not what was collected.
    """

    store: str
    key: str
    now: datetime
    endpoint: str | None = None
    days: float | None = None
    jobs: int = 2
    min_rows: int = 2_000
    seed: int = 0
    search_minutes: float = 0.0
    dask: str | None = None
    sales: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Order(store={self.store!r})"


class Progress(msgspec.Struct, tag="progress"):
    """How far it is: a stage's name and the share of the whole job, 0 to 1."""

    stage: str
    fraction: float


class Result(msgspec.Struct, tag="result"):
    """What came of it. `version` is None and `error` a sentence where it failed.

    `mistaken` is what a person must correct in the order before it is worth another try.
    """

    version: str | None = None
    promoted: bool = False
    reason: str = ""
    error: str | None = None
    report: dict[str, Any] = {}
    mistaken: bool = False


Message = Progress | Result


def run(order: Order) -> Result:
    """Do the job, telling progress on standard output. Never raises for what the data can cause."""
    from models.cluster import spread
    from models.registry import Registry, RegistryError
    from models.rows import TrainingError
    from pipeline.history import NoSales
    from pipeline.objects import StoreError, link, open_store
    from pipeline.sales import SalesTableError
    from pipeline.side import part_strength_tables
    from pipeline.streaming import streamed
    from pipeline.training import train
    from pipeline.validation import ValidationFailed, save_report

    # Standard output is for messages alone.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    name = f"{order.now:%Y%m%dT%H%M%S}"
    side_damaged: list[Damaged] = []
    try:
        store = open_store(order.store, order.endpoint)
        with spread(order.dask):
            history = _history(order, store)
            strengths = part_strength_tables(store, side_damaged)
            data = streamed(history.parts(), strengths, progress=history.progress)
            damaged = [*history.damaged, *side_damaged]
            checked = history.report
            assert checked is not None  # or the gate has raised
            report = link(order.store, save_report(store, name, checked))
            jobs = _jobs(order, len(data.at))
            outcome = train(
                data,
                Registry(store, order.key.encode()),
                seed=order.seed,
                n_jobs=jobs,
                search_seconds=order.search_minutes * 60,
                trials=store,
                progress=lambda stage, share: _tell(stage, 0.24 + 0.71 * share),
                facts={
                    "excluded": dict(history.excluded),
                    "damaged": dict(Counter(item.reason for item in damaged)),
                    "warnings": list(checked.warnings),
                    "validation": report,
                },
            )
            kept = _report(order, store, name, outcome, jobs)
    except ValidationFailed as error:
        try:
            where = f"report: {link(order.store, save_report(store, name, error.report))}"
        except StoreError as no_place:
            where = f"its report could not be kept: {no_place}"
        return Result(error=f"{error if error.report.rows else NoSales()} ({where})")
    except SalesTableError as error:
        return Result(error=str(error), mistaken=True)
    except (TrainingError, RegistryError, StoreError) as error:
        return Result(error=str(error))
    facts = {**outcome.card.facts, "report": kept}
    return Result(outcome.card.version, outcome.promoted, outcome.reason, None, facts)


def _jobs(order: Order, rows: int) -> int:
    """How many processes fit members; a cluster has as many as it has."""
    if order.dask is not None:
        return -1
    return 1 if rows < FEW and not order.search_minutes else order.jobs


def _history(order: Order, store: ObjectStore) -> Collected | Given:
    from pipeline.collected import Collected
    from pipeline.given import Given

    def tell(stage: str, share: float) -> None:
        _tell(stage, 0.02 + 0.22 * share)

    if order.sales:
        paths = [Path(name) for name in order.sales]
        return Given(paths, order.now, days=order.days, min_rows=order.min_rows, tell=tell)
    tell("reading what was collected", 0.0)
    since = order.now - timedelta(days=order.days) if order.days else None
    return Collected(store, order.now, since=since, min_rows=order.min_rows, tell=tell)


def _report(order: Order, store: ObjectStore, name: str, outcome: Outcome, jobs: int) -> dict[str, Any]:
    """The keys of the report and a link to its overview; an error costs the report, not the model."""
    from pipeline.objects import link
    from pipeline.report import keep_report, report_of

    _tell("drawing the report", 0.95)
    try:
        keys = keep_report(store, name, report_of(outcome, seed=order.seed, n_jobs=jobs))
    except Exception as error:
        structlog.get_logger().exception("the report could not be made")
        return {"error": f"it could not be made ({type(error).__name__})"}
    _tell("done", 1.0)
    return {"keys": keys, "link": link(order.store, keys["overview"])}


def _tell(stage: str, fraction: float) -> None:
    _write(Progress(stage, round(fraction, 4)))


def _write(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """Entry of the process: 0 where a version was stored, 1 where not."""
    # Set before the libraries are imported. Members run side by side, so each gets one thread: OpenMP
    # threads that compete for a busy core spin, and make the boosted members ten times slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # Hundreds of thousands of records and imported objects live to the end: looking through them for garbage
    # as often as Python does by itself takes a tenth of the whole time.
    garbage.spare()
    result = run(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    _write(result)
    return 1 if result.error else 0


if __name__ == "__main__":
    raise SystemExit(main())
