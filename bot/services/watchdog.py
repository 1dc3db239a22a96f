"""Looks after the bot's own health: a model that drifts or grows stale, collections that fail.

What it finds goes to the operators' channels through `conditions`. A limit is crossed in one direction
sooner than in the other, so that a figure that trembles around it is not news at every look.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from msgspec import Struct

from bot.services.collecting import Collecting
from bot.services.conditions import Conditions
from bot.services.guilds import Guilds
from bot.services.predictor import Predictor
from bot.services.stats import IntakeStats
from bot.services.trends import Checked, Trends
from bot.supervisor import Supervisor
from pipeline.clock import Clock

EVERY_S = 60.0
WINDOW = timedelta(days=1)
MIN_CHECKED = 200  # sales; fewer say little about a share
ERROR_FACTOR = 1.5  # how many times the error of its training a model may have
ERROR_ROOM = 0.03  # and how much more at least
COVERAGE_ROOM = 0.08  # by how much the 90 % interval may hold less often than promised
STALE = timedelta(days=7)
OLD = timedelta(days=2)  # what an alarm tells before, for a model is trained every night
EASE = 0.9  # what is wrong is over when the figure is back within this part of its limit

ERROR, COVERAGE, STALE_MODEL, COLLECTION = "model error", "model coverage", "stale model", "collection"


class Drift(Struct, frozen=True):
    """How a version fared on the sales of the last day, beside what its training promised."""

    sales: int
    error: float
    promised_error: float
    coverage: float
    promised_coverage: float

    @property
    def error_limit(self) -> float:
        """The median error from which on it is too large."""
        return max(self.promised_error * ERROR_FACTOR, self.promised_error + ERROR_ROOM)

    @property
    def coverage_limit(self) -> float:
        """The share of sales within the 90 % interval below which it is too small."""
        return self.promised_coverage - COVERAGE_ROOM


def drift(checked: Sequence[Checked], card: Mapping[str, Any] | None) -> Drift | None:
    """What the sales tell of a model; None where they are too few, or its card promises nothing."""
    metrics = (card or {}).get("metrics") or {}
    error, coverage = metrics.get("median_ape"), metrics.get("coverage_90")
    if len(checked) < MIN_CHECKED or not isinstance(error, float) or not isinstance(coverage, float):
        return None
    inside = sum(each.low_usd <= each.price_usd <= each.high_usd for each in checked)
    return Drift(
        len(checked),
        median(abs(each.forecast_usd / each.price_usd - 1) for each in checked),
        error,
        inside / len(checked),
        min(coverage, 0.9),
    )


async def fared(trends: Trends, predictor: Predictor, clock: Clock) -> Drift | None:
    """How the champion fared on the last day's sales."""
    if predictor.version is None:
        return None
    return drift(await trends.checked(predictor.version, clock.now() - WINDOW), predictor.card)


class Watchdog:
    """One look a minute at what may be wrong."""

    def __init__(
        self,
        trends: Trends,
        predictor: Predictor,
        supervisor: Supervisor,
        collecting: Collecting,
        conditions: Conditions,
        guilds: Guilds,
        clock: Clock,
        stats: IntakeStats,
    ) -> None:
        self._trends = trends
        self._predictor = predictor
        self._supervisor = supervisor
        self._collecting = collecting
        self._conditions = conditions
        self._guilds = guilds
        self._clock = clock
        self._stats = stats

    async def turn(self) -> float:
        """Look once. Returns the seconds until the next look."""
        before = {condition.key: condition.detail for condition in await self._conditions.open()}
        found = {**await self._model(before), **self._collections(before)}
        await self._conditions.observe(found, await self._guilds.operators())
        return EVERY_S

    async def _model(self, before: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with the champion. Where that cannot be told, what was known of it stays."""
        version = self._predictor.version
        if version is None:
            self._stats.drift = None
            return {key: detail for key, detail in before.items() if not key.startswith(COLLECTION)}
        seen = self._stats.drift = await fared(self._trends, self._predictor, self._clock)
        keys = [f"{kind} of {version}" for kind in (ERROR, COVERAGE)]
        if seen is None:
            found = {key: before[key] for key in keys if key in before}
        else:
            found = dict(_drifted(seen, keys[0], keys[1], before))
        return found | dict(_stale(version, self._predictor.card, self._clock.now()))

    def _collections(self, before: Mapping[str, str]) -> dict[str, str]:
        """A failed collection stays one until another has succeeded; a restart is none."""
        status = next((task for task in self._supervisor.statuses() if task.name == COLLECTION), None)
        if status is not None and status.failures:
            return {COLLECTION: f"The last collection failed: {status.last_error or 'for no known reason'}"}
        if COLLECTION in before and self._collecting.collected_at is None:
            return {COLLECTION: before[COLLECTION]}
        return {}


def _drifted(seen: Drift, error: str, coverage: str, before: Collection[str]) -> Iterator[tuple[str, str]]:
    if seen.error > seen.error_limit * (EASE if error in before else 1.0):
        yield (
            error,
            f"Over the last day the median error on {seen.sales:,} sales was {seen.error:.1%}. When the "
            f"model was trained it was {seen.promised_error:.1%}; the limit is {seen.error_limit:.1%}.",
        )
    if seen.coverage < seen.coverage_limit + ((1 - EASE) * COVERAGE_ROOM if coverage in before else 0.0):
        yield (
            coverage,
            f"Over the last day {seen.coverage:.0%} of {seen.sales:,} sales lay within the 90% interval; "
            f"the limit is {seen.coverage_limit:.0%}. Chances and profits are less sure than they say.",
        )


def _stale(version: str, card: Mapping[str, Any] | None, now: datetime) -> Iterator[tuple[str, str]]:
    learnt_s = (card or {}).get("data_to_s")
    if not isinstance(learnt_s, int | float) or not math.isfinite(learnt_s):
        return
    age = now - datetime.fromtimestamp(learnt_s, UTC)
    if age > STALE:
        yield (
            f"{STALE_MODEL} {version}",
            f"The newest sale that the model has learnt from is {age.days} days old.",
        )
