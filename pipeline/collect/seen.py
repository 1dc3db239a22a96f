"""Which listings are known, and what seeing them again says: a known one is not stored twice.

Seen again in the book, it is still open, which is an outcome that no question was needed for. So the
records tell of every listing from when until when it surely stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from pipeline.collect.summary import CollectSummary
from pipeline.datasets import Damaged, read_records, set_aside, write_records
from pipeline.market.values import Listing, OrderStatus, Resolution
from pipeline.objects import ObjectStore

MEMORY = timedelta(days=30)  # older listings are neither remembered nor asked about


class _SeenListing(Struct):
    hash: str
    seen_at: datetime


class _Outcome(Struct):
    hash: str
    status: OrderStatus
    at: datetime


class Seen:
    """The listings of earlier runs, and those that this run has met."""

    def __init__(self, store: ObjectStore, summary: CollectSummary) -> None:
        self._store, self._summary = store, summary
        self._known: dict[str, datetime] = {}
        self._met: set[str] = set()
        self._fresh: list[Listing] = []
        self._sights: list[Resolution] = []

    def remember(self, now: datetime) -> None:
        """Learn which listings earlier runs have stored. Blocks; files that cannot be read are set aside."""
        damaged: list[Damaged] = []
        listings = read_records(self._store, "listings", _SeenListing, now - MEMORY, damaged)
        self._known = {listing.hash: listing.seen_at for listing in listings}
        _clear_away(self._store, self._summary, damaged)

    def earlier(self, hash_: str) -> bool:
        """Whether an earlier run has stored a listing."""
        return hash_ in self._known

    def take(self, rows: Iterable[Listing]) -> int:
        """Take in rows of the book; returns how many are new."""
        new = 0
        for row in rows:
            if row.hash in self._met:
                self._summary.duplicates["listings"] += 1
            elif row.hash in self._known:
                self._sights.append(Resolution(row.hash, row.status, row.seen_at))
            else:
                self._fresh.append(row)
                new += 1
            self._met.add(row.hash)
        return new

    @property
    def pending(self) -> int:
        """How many rows are not stored yet."""
        return len(self._fresh) + len(self._sights)

    def writer(self, run: str) -> Callable[[], None]:
        """Hands over what is pending: a call, for a thread, that stores it under the name of a run."""
        fresh, self._fresh = self._fresh, []
        sights, self._sights = self._sights, []

        def write() -> None:
            write_records(self._store, "listings", run, fresh)
            write_records(self._store, "resolutions", run, sights)
            self._summary.rows["listings"] += len(fresh)
            self._summary.rows["sightings"] += len(sights)

        return write

    def unresolved(self, now: datetime) -> list[str]:
        """The listings of earlier runs that this one has not met and whose end is not known. Blocks.

        Those looked at longest ago come first.
        """
        last = {hash_: at for hash_, at in self._known.items() if hash_ not in self._met}
        damaged: list[Damaged] = []
        for outcome in read_records(self._store, "resolutions", _Outcome, now - MEMORY, damaged):
            if outcome.status.final:
                last.pop(outcome.hash, None)
            elif outcome.hash in last:
                last[outcome.hash] = max(last[outcome.hash], outcome.at)
        _clear_away(self._store, self._summary, damaged)
        return sorted(last, key=last.__getitem__)


def _clear_away(store: ObjectStore, summary: CollectSummary, damaged: list[Damaged]) -> None:
    """Report damaged files, and set aside those of which nothing can be read."""
    summary.damaged += damaged
    for item in damaged:
        if item.lost:
            set_aside(store, item)
