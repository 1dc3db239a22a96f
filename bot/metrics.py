"""What the bot counts, in the text format of Prometheus.

A scrape is a snapshot: the figures are read from the services when asked for, so that nothing has to be
counted twice and a restart needs no cleaning up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

import msgspec
import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from bot.services import Services
from bot.services.journal import JournalCounts
from bot.services.outbox import Backlog, OutboxCounts
from bot.services.predictor import Predictor
from bot.services.stats import LAG_BUCKETS_MS, IntakeStats
from bot.services.watchdog import OLD, Drift
from bot.supervisor import TaskStatus
from pipeline.market.budget import BudgetSnapshot
from pipeline.market.pages import ClientStats

log = structlog.get_logger(__name__)


async def render(services: Services) -> bytes:
    """One scrape. A database that does not answer leaves out its figures and is itself reported."""
    stored: _Stored | None = None
    try:
        stored = _Stored(
            await services.journal.counts(), await services.outbox.counts(), await services.outbox.backlog()
        )
    except Exception as error:
        log.warning("metrics without the database", exc_info=error)
    families = [
        GaugeMetricFamily("axieflip_leader", "Whether this bot watches and delivers.", value=1.0),
        *_intake(services.stats),
        *services.stats.timings.collect(),
        *_tasks(services.supervisor.statuses()),
        _gauge("event_loop_tasks", "Tasks of the event loop that have not ended.", len(asyncio.all_tasks())),
        *_stored(stored),
        *_market(services.market.stats),
        *_budget(services.market.budget.snapshot()),
        *_model(services.predictor, services.clock.now()),
        *_lately(services.stats.drift),
    ]
    registry = CollectorRegistry()
    registry.register(_Snapshot(families))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Stored(NamedTuple):
    """What the database told of this scrape."""

    journal: JournalCounts
    outbox: OutboxCounts
    backlog: Backlog


class _Snapshot(Collector):
    """Families that are made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """They, as they are."""
        return self._families


def _intake(stats: IntakeStats) -> Iterator[Metric]:
    yield _counter("polls", "Polls of the newest listings.", stats.polls)
    yield _counter("listings", "New listings seen.", stats.listings)
    yield _counter("scored", "New listings priced.", stats.scored)
    yield _counter("signals", "Alerts written down.", stats.signals)
    yield _counter("gaps", "Times at which listings may have been missed.", stats.gaps)
    rejected = CounterMetricFamily("axieflip_rejected", "Rows set aside, by reason.", labels=["reason"])
    for reason, count in stats.rejected.items():
        rejected.add_metric([str(reason)], count)
    yield rejected
    deliveries = CounterMetricFamily(
        "axieflip_deliveries", "Attempts to deliver a post, by what came of them.", labels=["outcome"]
    )
    for outcome, count in stats.deliveries.items():
        deliveries.add_metric([outcome], count)
    yield deliveries
    yield _gauge("last_poll_timestamp_seconds", "The last poll, in the machine's time.", stats.last_poll_at)
    lag = HistogramMetricFamily(
        "axieflip_alert_lag_seconds", "From a listing's arrival to its alert in Discord."
    )
    bounds = [*(str(ms / 1000) for ms in LAG_BUCKETS_MS), "+Inf"]
    buckets = list(zip(bounds, map(float, accumulate(stats.lag_counts)), strict=True))
    lag.add_metric([], buckets, sum_value=stats.lag_total_ms / 1000)
    yield lag


def _tasks(statuses: Iterable[TaskStatus]) -> Iterator[Metric]:
    up = GaugeMetricFamily("axieflip_task_up", "1 unless a task is backing off or stopped.", labels=["task"])
    failures = GaugeMetricFamily(
        "axieflip_task_failures", "Failures since the last success.", labels=["task"]
    )
    runs = CounterMetricFamily("axieflip_task_runs", "Turns taken.", labels=["task"])
    restarts = CounterMetricFamily(
        "axieflip_task_restarts", "Turns that failed and were followed by another.", labels=["task"]
    )
    success = GaugeMetricFamily(
        "axieflip_task_last_success_timestamp_seconds", "The end of the last good turn.", labels=["task"]
    )
    for status in statuses:
        up.add_metric([status.name], status.state in ("waiting", "running"))
        failures.add_metric([status.name], status.failures)
        runs.add_metric([status.name], status.runs)
        restarts.add_metric([status.name], status.restarts)
        if status.last_success is not None:
            success.add_metric([status.name], status.last_success.timestamp())
    yield from (up, failures, runs, restarts, success)


def _stored(stored: _Stored | None) -> Iterator[Metric]:
    yield _gauge("database_up", "1 if the database answered this scrape.", float(stored is not None))
    if stored is None:
        return
    journal, outbox, backlog = stored
    yield _gauge("stored_listings", "Listings in the database.", journal.listings)
    yield _gauge("stored_predictions", "Predictions in the database.", journal.predictions)
    yield _labelled("alerts", "Alerts in the database, by state.", msgspec.structs.asdict(outbox), "state")
    depth = {"due": float(backlog.due), "held": float(backlog.held)}
    yield _labelled("outbox_depth", "Alerts that wait: due, or held back for a digest.", depth, "queue")
    yield _gauge(
        "outbox_oldest_age_seconds", "How long the oldest alert that is due has been owed.", backlog.oldest_s
    )


def _market(stats: ClientStats) -> Iterator[Metric]:
    yield _counter("market_requests", "Requests sent to the marketplace.", stats.requests)
    yield _counter("market_retries", "Those that were repeated ones.", stats.retries)
    yield _counter("market_partial", "Answers that brought data together with errors.", stats.partial)
    errors = CounterMetricFamily("axieflip_market_errors", "Failed requests, by kind.", labels=["kind"])
    for kind, count in stats.errors.items():
        errors.add_metric([kind], count)
    yield errors
    yield _gauge("market_drift", "Optional fields that the marketplace no longer knows.", len(stats.drift))


def _budget(budget: BudgetSnapshot) -> Iterator[Metric]:
    windows = {"minute": budget.minute, "hour": budget.hour}
    yield _labelled(
        "market_budget_limit",
        "Requests that a window allows.",
        {name: float(window.limit) for name, window in windows.items()},
        "window",
    )
    yield _labelled(
        "market_budget_remaining",
        "Requests that are left of it.",
        {name: float(window.remaining) for name, window in windows.items()},
        "window",
    )
    yield _gauge("market_blocked_seconds", "How long the marketplace wants no request.", budget.blocked_s)
    yield _gauge("market_waiting_requests", "Requests that wait for the budget.", float(budget.waiting))


def _model(predictor: Predictor, now: datetime) -> Iterator[Metric]:
    yield _labelled("model_info", "The version that serves.", {predictor.version or "none": 1.0}, "version")
    card = predictor.card or {}
    made, learnt_s = card.get("created_at"), card.get("data_to_s")
    created = datetime.fromisoformat(made) if isinstance(made, str) else None
    newest = float(learnt_s) if isinstance(learnt_s, int | float) else None
    yield _gauge("model_created_timestamp_seconds", "When it was trained.", created)
    yield _gauge("model_newest_sale_timestamp_seconds", "The newest sale that it has learnt from.", newest)
    age = None if newest is None else now.timestamp() - newest
    yield _gauge("model_data_age_seconds", "How old that sale is by the market's time.", age)
    yield _gauge("model_data_age_limit_seconds", "The age from which on it is told.", OLD.total_seconds())


def _lately(drift: Drift | None) -> Iterator[Metric]:
    told = {} if drift is None else {"last_day": drift.error, "training": drift.promised_error}
    yield _labelled("model_error_ratio", "The champion's median error on sales.", told, "over")
    told = {} if drift is None else {"last_day": drift.coverage, "training": drift.promised_coverage}
    yield _labelled("model_coverage_ratio", "Sales within the 90 % interval.", told, "over")
    limit = None if drift is None else drift.error_limit
    yield _gauge("model_error_limit_ratio", "The median error from which on it is drift.", limit)
    limit = None if drift is None else drift.coverage_limit
    yield _gauge("model_coverage_limit_ratio", "The coverage below which it is drift.", limit)
    sales = None if drift is None else float(drift.sales)
    yield _gauge("model_judged_sales", "Sales of the last day that the champion had forecast.", sales)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"axieflip_{name}", about, value=value)


def _gauge(name: str, about: str, value: float | datetime | None) -> Metric:
    family = GaugeMetricFamily(f"axieflip_{name}", about)
    if value is not None:
        family.add_metric([], value.timestamp() if isinstance(value, datetime) else value)
    return family


def _labelled(name: str, about: str, values: Mapping[str, float], label: str) -> Metric:
    family = GaugeMetricFamily(f"axieflip_{name}", about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
