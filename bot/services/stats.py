"""What the intake has done since the process started, counted in memory.

Read by `/status`, the metrics and the demo's status line. An alert's lag is real time: from the moment
the listing's page had arrived to the moment Discord had accepted the message.
"""

from __future__ import annotations

import bisect
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.timings import Timings

if TYPE_CHECKING:
    from bot.services.watchdog import Drift

REMEMBERED_LAGS = 2_000
REMEMBERED_ARRIVALS = 10_000
LAG_BUCKETS_MS = (25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0)
LEAST_SILENT_S = 60.0
DELIVERIES = ("sent", "retry", "never")  # what may come of an attempt to deliver


def silent_after(poll_max_s: float) -> float:
    """Seconds without a poll from which on the marketplace counts as unread: several polls at any pace."""
    return max(LEAST_SILENT_S, 5 * poll_max_s)


class IntakeStats:
    """Mutable counters; everything here is of this process's life.

    `last_poll_at` is the machine's time, `last_listing_at` the market's.
    """

    def __init__(self) -> None:
        self.polls = self.listings = self.scored = self.signals = self.gaps = 0
        self.rejected: Counter[str] = Counter()
        self.last_poll_at: datetime | None = None
        self.last_listing_at: datetime | None = None
        self.lag_ms: deque[float] = deque(maxlen=REMEMBERED_LAGS)
        self.lag_counts = [0] * (len(LAG_BUCKETS_MS) + 1)  # by bucket, not cumulated; the last is beyond all
        self.lag_total_ms = 0.0
        self.timings = Timings()
        self.deliveries: Counter[str] = Counter(dict.fromkeys(DELIVERIES, 0))
        self.drift: Drift | None = None  # what the watchdog saw last
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    def polled(self, at: datetime, listings: int, scored: int, signals: int) -> None:
        """A poll at a market time brought that many new listings."""
        self.polls += 1
        self.listings += listings
        self.scored += scored
        self.signals += signals
        self.last_poll_at = datetime.now(UTC)
        if listings:
            self.last_listing_at = at

    def arrived(self, received: float, hashes: Iterable[str]) -> None:
        """Listings that will be announced had arrived at `received`, of `time.perf_counter()`."""
        for hash_ in hashes:
            self._arrivals.setdefault(hash_, received)
        while len(self._arrivals) > REMEMBERED_ARRIVALS:
            self._arrivals.popitem(last=False)

    def arrived_anew(self, received: float, hashes: Iterable[str]) -> None:
        """Listings that were known are to be announced for what was found at `received`."""
        found = list(hashes)
        for hash_ in found:
            self._arrivals.pop(hash_, None)
        self.arrived(received, found)

    def announced(self, listing_hash: str) -> float | None:
        """A listing's alert is in its channel: its lag in ms, or None if it arrived in a former life."""
        received = self._arrivals.get(listing_hash)
        if received is None:
            return None
        lag = (time.perf_counter() - received) * 1000
        self.lag(lag)
        return lag

    def lag(self, ms: float) -> None:
        """Note one alert's lag in milliseconds."""
        self.lag_ms.append(ms)
        self.lag_counts[bisect.bisect_left(LAG_BUCKETS_MS, ms)] += 1
        self.lag_total_ms += ms

    def p50(self) -> float | None:
        """The median of the last lags in milliseconds; None before the first."""
        return self._quantile(0.5)

    def p99(self) -> float | None:
        """The lag in milliseconds that one in a hundred of the last ones exceeded; None before the first."""
        return self._quantile(0.99)

    def _quantile(self, share: float) -> float | None:
        ordered = sorted(self.lag_ms)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
