"""What a collection did, for a person and for `/status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct, field

from pipeline.collect.source import Rejection
from pipeline.datasets import Damaged


class CollectSummary(Struct):
    """Counts of one collection. `rows` and `duplicates` are by kind, `rejected` and `failures` by reason.

    `rows` counts under `sightings` the known listings that were met again, under `resolutions` the answers
    to questions about others. `gaps` counts places where rows may be missing for good or until a later run;
    `stopped` says why it ended early, None where it got everything that it wanted. `standing` is a phrase on
    the sweep of the book, `side` has one for each source of side data, `proxy` is one on what
    the proxy costs, if there is one.
    """

    run: str
    rows: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    damaged: list[Damaged] = field(default_factory=list)
    gaps: int = 0
    requests: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    standing: str | None = None
    proxy: str | None = None
    side: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"Collection {self.run}: {_counts(self.rows) or 'nothing new'}",
            f"{self.requests:,} requests in {self.seconds:.1f} s"
            f"; duplicates: {_counts(self.duplicates) or 'none'}; gaps: {self.gaps}",
        ]
        if self.standing:
            lines.append(f"Standing listings: {self.standing}")
        if self.proxy:
            lines.append(f"Proxy: {self.proxy}")
        lines += [f"Side data, {name.replace('_', ' ')}: {told}" for name, told in self.side.items()]
        if self.rejected:
            lines.append(f"Set aside: {_counts(self.rejected)}")
        if self.damaged:
            lines.append(
                f"Damaged files: {', '.join(f'{item.key} ({item.reason})' for item in self.damaged)}"
            )
        if self.failures:
            lines.append(f"Failed requests: {_counts(self.failures)}")
        if self.stopped:
            lines.append(f"Ended early: {self.stopped}")
        return "\n".join(lines)


class Rejects:
    """Counts rejected rows by reason, each row once, however many overlapping pages brought it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._seen: set[str] = set()

    def add(self, rejected: Sequence[Rejection]) -> None:
        """Take in the rejected rows of a page."""
        for row in rejected:
            if (key := repr(row)) not in self._seen:
                self._seen.add(key)
                self.counts[row.reason] += 1


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common() if count)
