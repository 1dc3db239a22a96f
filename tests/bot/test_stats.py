from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.services.stats import LAG_BUCKETS_MS, REMEMBERED_ARRIVALS, IntakeStats
from tests.bot.factories import NOON


def test_polls_are_counted_and_the_newest_listing_remembered() -> None:
    stats = IntakeStats()
    stats.polled(NOON, listings=3, scored=2, signals=1)
    stats.polled(NOON + timedelta(seconds=5), listings=0, scored=0, signals=0)
    assert (stats.polls, stats.listings, stats.scored, stats.signals) == (2, 3, 2, 1)
    assert stats.last_listing_at == NOON
    assert stats.last_poll_at is not None
    assert datetime.now(UTC) - stats.last_poll_at < timedelta(minutes=1)


def test_the_lag_runs_from_a_listings_arrival_to_its_announcement() -> None:
    stats = IntakeStats()
    stats.arrived(time.perf_counter() - 2.0, ["0xa"])
    stats.arrived(time.perf_counter(), ["0xa"])  # seen again: the first arrival counts
    lag = stats.announced("0xa")
    assert lag is not None
    assert 2000 <= lag < 4000
    assert list(stats.lag_ms) == [lag]
    assert stats.announced("from a former life") is None
    assert len(stats.lag_ms) == 1


def test_without_alerts_there_is_no_lag_to_tell() -> None:
    assert (IntakeStats().p50(), IntakeStats().p99()) == (None, None)


@given(lags=st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_quantiles_and_buckets_agree_with_the_lags(lags: list[float]) -> None:
    stats = IntakeStats()
    for lag in lags:
        stats.lag(lag)
    median, high = stats.p50(), stats.p99()
    assert median is not None
    assert high is not None
    assert sum(lag < median for lag in lags) <= len(lags) / 2 <= sum(lag <= median for lag in lags)
    assert sum(lag > high for lag in lags) <= len(lags) / 100
    assert sum(stats.lag_counts) == len(lags)
    assert sum(stats.lag_counts[:-1]) == sum(lag <= LAG_BUCKETS_MS[-1] for lag in lags)


def test_memory_does_not_grow_with_arrivals() -> None:
    stats = IntakeStats()
    stats.arrived(0.0, (str(number) for number in range(REMEMBERED_ARRIVALS + 1)))
    assert stats.announced("0") is None
    assert stats.announced(str(REMEMBERED_ARRIVALS)) is not None
