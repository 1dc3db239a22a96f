"""How long each stage of a listing's way takes, as histograms of this process's life.

They are observed where the work is done, and read by a scrape like everything else that is counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import Histogram, disable_created_metrics
from prometheus_client.core import Metric

STAGES: Final = ("poll", "decode", "price", "decide", "journal", "queue", "deliver")
"""In the order of a listing's way. `poll` holds its requests and their `decode`."""
# From the scoring of one listing to an alert that waits behind a limit; each step two to two and a half.
_STAGE_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REQUEST_S: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
REQUEST: Final = "request"
# They would be a gauge beside each histogram that tells when the process began.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Timings:
    """Seconds by stage, and of the marketplace's answers."""

    def __init__(self) -> None:
        self._stage = Histogram(
            "axieflip_stage_duration_seconds",
            "Time that a stage of a listing's way took, once a batch or post.",
            ["stage"],
            buckets=_STAGE_S,
            registry=None,
        )
        self._request = Histogram(
            "axieflip_market_request_duration_seconds",
            "From a request to the marketplace to the end of its answer.",
            buckets=_REQUEST_S,
            registry=None,
        )
        for stage in STAGES:  # there from the first scrape on, at 0
            self._stage.labels(stage)

    def observe(self, stage: str, seconds: float) -> None:
        """Note how long a stage took, or `REQUEST`."""
        if stage == REQUEST:
            self._request.observe(max(seconds, 0.0))
        else:
            self._stage.labels(stage).observe(max(seconds, 0.0))

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Note how long the block takes, however it ends."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.observe(stage, time.perf_counter() - began)

    def collect(self) -> Iterable[Metric]:
        """Both histograms as they stand."""
        return [*self._stage.collect(), *self._request.collect()]
