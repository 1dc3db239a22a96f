"""How a benchmark measures, one call at a time, quantiles over many, in milliseconds; and how it judges."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

Quantiles = dict[str, float]


def quantiles(milliseconds: Iterable[float]) -> Quantiles:
    """p50 and p99 of a sample."""
    p50, p99 = np.percentile(list(milliseconds), [50, 99])
    return {"p50": round(float(p50), 4), "p99": round(float(p99), 4)}


def measure(call: Callable[[], object], times: int, warm_up: int = 20) -> Quantiles:
    """Time single calls."""
    for _ in range(warm_up):
        call()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return quantiles(taken)


def judged(lines: Iterable[tuple[str, str, bool]]) -> list[str]:
    """What is promised, what was found, and whether that keeps it: a line each."""
    return [f"{'holds ' if good else 'MISSED'}  {what}: {found}" for what, found, good in lines]
