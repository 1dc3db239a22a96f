"""The line of the log from which alarms are made."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any, cast

from bot.log import configure
from bot.pulse import EVERY_S, Pulse
from bot.services.stats import IntakeStats
from bot.settings import Settings
from pipeline.clock import ManualClock
from tests.bot.factories import NOON


class Champion:
    version: str | None = None
    card: dict[str, Any] | None = None


def pulse(clock: ManualClock, stats: IntakeStats, champion: Champion) -> Pulse:
    return Pulse(stats, cast(Any, champion), clock, machine=clock.now)


def test_before_the_first_listing_its_age_counts_from_the_start() -> None:
    clock, stats = ManualClock(NOON), IntakeStats()
    heart = pulse(clock, stats, Champion())
    clock.advance(90)
    assert heart.beat().listing_age_s == 90.0
    stats.polled(clock.now(), listings=3, scored=3, signals=0)
    clock.advance(5)
    assert heart.beat().listing_age_s == 5.0
    stats.polled(clock.now(), listings=0, scored=0, signals=0)
    assert heart.beat().listing_age_s == 5.0


def test_a_model_is_as_old_as_its_training_and_none_has_no_age() -> None:
    clock, champion = ManualClock(NOON), Champion()
    heart = pulse(clock, IntakeStats(), champion)
    assert heart.beat().model_age_s is None
    champion.version = "v1"
    champion.card = {"created_at": (NOON - timedelta(days=2)).isoformat(timespec="seconds")}
    clock.advance(60)
    assert heart.beat().model_age_s == 2 * 86_400 + 60


async def test_it_is_a_line_of_json_a_minute() -> None:
    told = io.StringIO()
    configure(
        Settings(
            _env_file=None,
            discord_token="t" * 20,
            market_api_key="k" * 20,
            model_signing_key="s" * 20,
            log_format="json",
        ),
        told,
    )
    assert await pulse(ManualClock(NOON), IntakeStats(), Champion()).turn() == EVERY_S == 60.0
    line = json.loads(told.getvalue())
    assert (line["event"], line["listing_age_s"], line["model_age_s"]) == ("pulse", 0.0, None)
