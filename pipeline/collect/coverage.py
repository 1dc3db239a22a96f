"""Which stretches of the sale feed are in the store without a hole.

A run may end anywhere, so that the newest stored sale says nothing of what lies before it. Spans of
whole seconds do: half-open, sorted, apart from each other, and saved only after their records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from pipeline.objects import ObjectMissing, ObjectStore

Span = tuple[int, int]  # seconds since 1970, the second one excluded
KEY = "raw/sales/coverage.json"


def union(spans: Iterable[Span]) -> list[Span]:
    """The same seconds as sorted spans that neither touch nor overlap."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def missing(window: Span, covered: Sequence[Span]) -> list[Span]:
    """What of a window no span covers, sorted."""
    start, end = window
    holes: list[Span] = []
    for low, high in union(covered):
        if high <= start or low >= end:
            continue
        if low > start:
            holes.append((start, low))
        start = max(start, high)
    return [*holes, (start, end)] if start < end else holes


def slices(spans: Iterable[Span], seconds: int) -> list[Span]:
    """The spans cut into pieces of at most so many seconds, the newest first."""
    pieces: list[Span] = []
    for start, end in union(spans):
        while end > start:
            pieces.append((max(start, end - seconds), end))
            end -= seconds
    return sorted(pieces, reverse=True)


def without_days(covered: Iterable[Span], days: Iterable[date]) -> list[Span]:
    """The spans less some UTC days, whose records turned out to be damaged."""
    left = list(covered)
    for day in set(days):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        low, high = int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())
        left = [piece for start, end in left for piece in ((start, min(end, low)), (max(start, high), end))]
    return union(left)


def load(store: ObjectStore) -> list[Span]:
    """The covered spans; none where nothing was saved or it cannot be read, at the cost of reading again."""
    try:
        return union(msgspec.json.decode(store.get(KEY), type=list[Span]))
    except (ObjectMissing, msgspec.DecodeError, RecursionError):
        return []


def save(store: ObjectStore, covered: Iterable[Span]) -> None:
    """Keep the covered spans."""
    store.put(KEY, msgspec.json.encode(union(covered)))
