"""Covered stretches of the sale feed: the arithmetic of spans, against plain sets of seconds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.collect import coverage
from pipeline.collect.coverage import Span
from pipeline.objects import LocalStore

SPAN = st.tuples(st.integers(0, 60), st.integers(0, 60))
SPANS = st.lists(SPAN, max_size=8)


def seconds(spans: list[Span]) -> set[int]:
    return {second for start, end in spans for second in range(start, end)}


@given(SPANS)
def test_a_union_holds_the_same_seconds_in_spans_apart(spans: list[Span]) -> None:
    union = coverage.union(spans)
    assert seconds(union) == seconds(spans)
    assert all(first[1] < second[0] for first, second in pairwise(union))


@given(SPAN, SPANS)
def test_what_is_missing_and_what_is_covered_make_up_the_window(window: Span, spans: list[Span]) -> None:
    holes = coverage.missing(window, spans)
    assert seconds(holes) == seconds([window]) - seconds(spans)
    assert holes == coverage.union(holes)


@given(SPANS, st.integers(1, 20))
def test_slices_are_the_same_seconds_in_short_pieces_newest_first(spans: list[Span], length: int) -> None:
    pieces = coverage.slices(spans, length)
    assert seconds(pieces) == seconds(spans)
    assert sum(end - start for start, end in pieces) == len(seconds(spans))
    assert all(0 < end - start <= length for start, end in pieces)
    assert pieces == sorted(pieces, reverse=True)


def test_a_damaged_day_is_no_longer_covered() -> None:
    def at(day: int, hour: int) -> int:
        return int(datetime(2026, 7, day, hour, tzinfo=UTC).timestamp())

    covered = [(at(1, 6), at(4, 6))]
    assert coverage.without_days(covered, [date(2026, 7, 2), date(2026, 7, 2), date(2026, 7, 9)]) == [
        (at(1, 6), at(2, 0)),
        (at(3, 0), at(4, 6)),
    ]


def test_coverage_is_kept_and_an_unreadable_one_claims_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert coverage.load(store) == []
    coverage.save(store, [(5, 9), (1, 5)])
    assert coverage.load(store) == [(1, 9)]
    store.put(coverage.KEY, b"[[1,")
    assert coverage.load(store) == []
