"""A benchmark says of each limit whether it holds, and what was found."""

from __future__ import annotations

import pytest

from bench.__main__ import TITLES, verdict

KEPT = {
    "alert_latency_ms": {"p50": 24.0, "p99": 120.0},
    "score_one_ms": {"p50": 0.4, "p99": 0.9},
    "score_page_100_ms": {"p50": 11.9, "p99": 16.0},
    "ensemble_one_ms": {"p50": 0.125, "p99": 0.3},
    "original_stack_one_ms": {"p50": 25.0, "p99": 44.0},
}


def test_every_limit_that_is_kept_holds() -> None:
    lines = verdict(KEPT)
    assert len(lines) == 5
    assert all(line.startswith("holds ") for line in lines)
    assert lines[-1].endswith(": 200 times; with features, interval, economics and rule besides, 62 times")


@pytest.mark.parametrize(
    ("name", "quantile", "found"),
    [
        ("alert_latency_ms", "p50", 61.0),
        ("score_one_ms", "p50", 0.5),
        ("score_one_ms", "p99", 1.2),
        ("score_page_100_ms", "p50", 15.1),
    ],
)
def test_one_that_is_not_is_missed_and_named_with_what_was_found(
    name: str, quantile: str, found: float
) -> None:
    (missed,) = [
        line
        for line in verdict(KEPT | {name: KEPT[name] | {quantile: found}})
        if not line.startswith("holds ")
    ]
    assert missed.startswith(f"MISSED  {TITLES[name]}: ")
    assert missed.endswith(f": {found:.2f} ms")


def test_an_original_that_is_nearly_as_fast_is_a_limit_missed() -> None:
    *_, last = verdict(KEPT | {"original_stack_one_ms": {"p50": 12.0, "p99": 20.0}})
    assert last.startswith("MISSED  the ensemble at least 100 times as fast")
