"""What was collected, as training takes it in: span of days by span, each labelled and through the gate.

A history of up to two spans is one part, as if there were no spans. A longer one is cut, so that memory is
that of a span and of what is read around it, not of the history. Then an axie's other sales within 30 days
tell whether a sale counts, its listing of the 30 days before it what it was paid in, and where that was not
seen, the prices of its span.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from pipeline.datasets import Damaged, day_of, record_keys
from pipeline.labels import build_sales, due, files_of, listing_outcomes
from pipeline.labels.build import AROUND
from pipeline.streaming import Part
from pipeline.validation import ValidationReport, validate

if TYPE_CHECKING:
    from pipeline.labels import LabelResult, ListingOutcome
    from pipeline.objects import ObjectStore

SPAN = timedelta(days=30)
WEEK = timedelta(days=7)
Bounds = tuple[datetime | None, datetime | None]


def cut(store: ObjectStore, since: datetime | None, span: timedelta = SPAN) -> list[Bounds]:
    """The history from `since` on in spans of time, oldest first; the last and the first are open.

    Spans are counted back from the newest day's end; the first is up to one longer. None where nothing was
    collected. Raises StoreError.
    """
    days = [day_of(key) for kind in ("listings", "sales") for key in record_keys(store, kind)]
    days = [day for day in days if since is None or day >= since.date()]
    if not days:
        return []
    edges: list[datetime] = []
    edge = _midnight(max(days)) + timedelta(days=1) - span
    while edge - span > _midnight(min(days)):
        edges.insert(0, edge)
        edge -= span
    return list(zip([since, *edges], [*edges, None], strict=True))


class Collected:
    """The parts of what was collected, and what is to be said of them once they have been taken."""

    def __init__(
        self,
        store: ObjectStore,
        now: datetime,
        *,
        since: datetime | None = None,
        min_rows: int,
        span: timedelta = SPAN,
        tell: Callable[[str, float], None] = lambda _stage, _share: None,
    ) -> None:
        """`tell` is told stages and the share of the whole history, parts of which are all the same to it."""
        self._store, self._now, self._min_rows = store, now, min_rows
        self._tell = tell
        self._spans = cut(store, since, span)
        self._index = 0
        self._damaged: dict[Damaged, None] = {}
        self.excluded = Counter[str]()
        self.rows = 0
        self.report: ValidationReport | None = None

    @property
    def damaged(self) -> list[Damaged]:
        """Files that could not be read, or not wholly, each once."""
        return list(self._damaged)

    def parts(self) -> Iterator[Part]:
        """Each span's sales and outcomes, once they are through the gate.

        The newest is held against `now`; of the older ones only their rows are judged. Raises StoreError and
        ValidationFailed.
        """
        for index, (since, until) in enumerate(self._spans):
            self._index = index
            self.progress("reading what was collected", -0.45)
            around = AROUND if len(self._spans) > 1 else timedelta()
            labels = build_sales(self._store, since=since, until=until, around=around)
            self.rows += len(labels.table)
            self.excluded += labels.excluded
            self._damaged |= dict.fromkeys(labels.damaged)
            # What cannot be read has been told by the labels.
            outcomes = listing_outcomes(self._store, since, until, youngest=None, damaged=[])
            self.progress("validating", -0.2)
            if until is None:
                self._judge(labels, outcomes)
            elif len(labels.table):
                newest = labels.table["sold_at"].max().to_pydatetime()
                validate(labels.table, now=newest, trace=lambda rows: files_of(self._store, rows), min_rows=1)
            yield Part(labels.table, outcomes)

    def progress(self, stage: str, share: float) -> None:
        """Tell the share of the part at hand, of which what comes before its replay is negative."""
        self._tell(stage, (self._index + (share + 0.45) / 1.45) / len(self._spans))

    def _judge(self, labels: LabelResult, outcomes: Sequence[ListingOutcome]) -> None:
        week = [outcome for outcome in outcomes if outcome.seen_at >= self._now - WEEK]
        self.report = validate(
            labels.table,
            now=self._now,
            min_rows=max(1, self._min_rows - self.rows + len(labels.table)),
            listings=due(week, self._now),
            excluded=self.excluded,
            damaged=[f"{item.key} ({item.reason})" for item in self._damaged],
            trace=lambda rows: files_of(self._store, rows),
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
