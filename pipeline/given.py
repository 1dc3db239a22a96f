"""Sales tables from outside, as training takes them in: read whole, through the gate, without listings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from models.rows import TrainingError
from pipeline.sales import read_sales, rejected
from pipeline.streaming import Part
from pipeline.validation import ValidationReport, validate

if TYPE_CHECKING:
    from pipeline.datasets import Damaged

ROWS = 100_000  # replayed at once: as events they weigh many times what they do in the table


class Given:
    """The parts of some tables, and what is to be said of them once they have been taken.

    It stands where `pipeline.collected.Collected` does. Whether the data is fresh is judged as of its newest
    sale, so that a history of long ago can be learnt from; none may be later than `now`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        now: datetime,
        *,
        days: float | None = None,
        min_rows: int,
        tell: Callable[[str, float], None] = lambda _stage, _share: None,
    ) -> None:
        """`days` are counted back from the newest sale; `tell` is told stages and the share of the whole."""
        self._paths, self._now, self._days, self._min_rows = paths, now, days, min_rows
        self._tell = tell
        self._done, self._parts = 0, 1
        self.excluded = Counter[str]()
        self.damaged: list[Damaged] = []
        self.report: ValidationReport | None = None

    def parts(self) -> Iterator[Part]:
        """The sales in order of time. Raises SalesTableError, TrainingError and ValidationFailed."""
        self._tell("reading the sales tables", 0.0)
        table = read_sales(self._paths)
        self.excluded = rejected(table)
        if not len(table):
            raise TrainingError(f"there are no sales in {', '.join(map(str, self._paths))}")
        newest = table["sold_at"].iloc[-1].to_pydatetime()
        if self._days is not None:
            table = table[table["sold_at"] >= newest - timedelta(days=self._days)]
        self._tell("validating", 0.15)
        self.report = validate(
            table, now=min(newest, self._now), min_rows=self._min_rows, excluded=self.excluded
        )
        starts = range(0, len(table), ROWS)
        self._parts = len(starts)
        for self._done, start in enumerate(starts):
            yield Part(table.iloc[start : start + ROWS])

    def progress(self, stage: str, share: float) -> None:
        """Tell the share of the part at hand."""
        self._tell(stage, 0.3 + 0.7 * (self._done + share) / self._parts)
