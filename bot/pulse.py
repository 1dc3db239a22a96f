"""A line of the log a minute that says how the bot fares: what alarms are made from where only logs are read.

`/metrics` tells more, to whoever can reach it. A container's log reaches its monitor without a door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from msgspec import Struct

from bot.services.predictor import Predictor
from bot.services.stats import IntakeStats
from bot.waiting import machine_time
from pipeline.clock import Clock

EVERY_S = 60.0
EVENT = "pulse"
log = structlog.get_logger(__name__)


class Beat(Struct, frozen=True):
    """Ages in seconds; `model_age_s` is None where no model serves."""

    listing_age_s: float
    model_age_s: float | None
    model: str | None


class Pulse:
    """Tells once a minute how long ago the last new listing was seen and the model was trained.

    The first is of the market's time, the second of the machine's, in which models are dated.
    """

    def __init__(
        self,
        stats: IntakeStats,
        predictor: Predictor,
        clock: Clock,
        machine: Callable[[], datetime] = machine_time,
    ) -> None:
        self._stats = stats
        self._predictor = predictor
        self._clock = clock
        self._machine = machine
        self._since = clock.now()

    def beat(self) -> Beat:
        """How it is now. Before the first listing, its age counts from the bot's start."""
        card = self._predictor.card
        return Beat(
            listing_age_s=_age(self._stats.last_listing_at or self._since, self._clock.now()),
            model_age_s=None if card is None else _age(_trained_at(card), self._machine()),
            model=self._predictor.version,
        )

    async def turn(self) -> float:
        """Write the line. Returns the seconds until the next."""
        beat = self.beat()
        log.info(EVENT, listing_age_s=beat.listing_age_s, model_age_s=beat.model_age_s, model=beat.model)
        return EVERY_S


def _trained_at(card: Mapping[str, Any]) -> datetime:
    at = datetime.fromisoformat(card["created_at"])
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _age(then: datetime, now: datetime) -> float:
    return round(max(0.0, (now - then).total_seconds()), 1)
