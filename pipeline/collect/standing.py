"""Sweeps the book of standing listings, class by class, and class by breed count where a class is too long.

The marketplace shows no row beyond `OFFSET_CAP` and does not say so, so that a long partition is split
before it is read. A sweep may take several runs: how far each partition was read is kept after its rows
are, and the next run goes on there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from pipeline.collect.seen import Seen
from pipeline.collect.source import CollectBudget, Page, Requests, Source, in_parallel
from pipeline.collect.summary import CollectSummary, Rejects
from pipeline.market.queries import OFFSET_CAP
from pipeline.market.values import AxieClass, Listing
from pipeline.objects import ObjectMissing, ObjectStore

PAGE = 100
PORTION = 2_000  # rows kept in memory before they are stored
KEY = "raw/listings/sweep.json"
BREED_COUNTS = range(8)

Progress = Callable[[str, int, int | None], None]


class Partition(NamedTuple):
    """Listings of one class, and of one breed count unless that is None."""

    class_: AxieClass
    breed_count: int | None = None

    def __str__(self) -> str:
        return self.class_ if self.breed_count is None else f"{self.class_}-{self.breed_count}"

    def split(self) -> list[Partition]:
        """The same listings in smaller partitions; empty where there are none."""
        return [] if self.breed_count is not None else [Partition(self.class_, n) for n in BREED_COUNTS]


class Sweep(Struct):
    """How far a sweep is: the next offset of partitions begun, the names of those read and of those split."""

    offsets: dict[str, int] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    split: list[str] = field(default_factory=list)


class Standing:
    """One run's part of a sweep."""

    def __init__(
        self,
        source: Source,
        store: ObjectStore,
        requests: Requests,
        summary: CollectSummary,
        rejects: Rejects,
        seen: Seen,
    ) -> None:
        self._source, self._store, self._requests = source, store, requests
        self._summary, self._rejects, self._seen = summary, rejects, seen
        self._sweep = Sweep()
        self._cut: list[str] = []
        self._rows = 0
        self._portions = 0
        self._storing = asyncio.Lock()

    async def collect(self, budget: CollectBudget, progress: Progress) -> None:
        """Read on in the sweep that was begun, or begin one; what was read is stored in any case."""
        self._sweep = await asyncio.to_thread(load, self._store)

        async def read(part: Partition) -> None:
            await self._partition(part)
            progress("standing", self._rows, None)

        parts = [Partition(class_) for class_ in AxieClass]
        while parts:  # the classes, then what they had to be split into
            todo = [part for part in parts if str(part) not in {*self._sweep.read, *self._sweep.split}]
            await in_parallel(budget.workers, [partial(read, part) for part in todo])
            parts = [piece for part in parts if str(part) in self._sweep.split for piece in part.split()]
        await self._store_portion()
        progress("standing", self._rows, self._rows)
        left = self._left()
        self._summary.gaps += len(self._cut)
        self._summary.standing = _told(self._rows, left, self._cut)
        if not left:
            await asyncio.to_thread(self._store.delete, KEY)

    def _left(self) -> list[str]:
        """The names of partitions not wholly read."""
        parts = [Partition(class_) for class_ in AxieClass]
        names = []
        while parts:
            names += [str(part) for part in parts if str(part) not in self._sweep.split]
            parts = [piece for part in parts if str(part) in self._sweep.split for piece in part.split()]
        return [name for name in names if name not in self._sweep.read]

    async def _partition(self, part: Partition) -> None:
        name = str(part)
        offset = self._sweep.offsets.get(name, 0)
        while True:
            page = await self._page(part, offset)
            if page is None:
                return
            self._seen.take(page.rows)
            self._rows += len(page.rows)
            too_long = (page.total or 0) > OFFSET_CAP or offset + PAGE >= OFFSET_CAP <= offset + page.seen
            if too_long and part.split():
                self._sweep.offsets.pop(name, None)
                self._sweep.split.append(name)
                return
            offset += PAGE
            if page.seen < PAGE or offset >= min(page.total or OFFSET_CAP, OFFSET_CAP):
                self._cut += [name] if too_long else []
                self._sweep.offsets.pop(name, None)
                self._sweep.read.append(name)
                return
            self._sweep.offsets[name] = offset
            if self._seen.pending >= PORTION:
                await self._store_portion()

    async def _page(self, part: Partition, offset: int) -> Page[Listing] | None:
        counts: Sequence[int] = () if part.breed_count is None else (part.breed_count,)
        page = await self._requests.ask(
            "standing", lambda: self._source.standing_listings((part.class_,), counts, offset, PAGE)
        )
        if page is not None:
            self._rejects.add(page.rejected)
        return page

    async def _store_portion(self) -> None:
        async with self._storing:
            sweep = msgspec.json.encode(self._sweep)  # as of the rows that are pending now
            write = self._seen.writer(f"{self._summary.run}-{self._portions:03}-standing")
            self._portions += 1

            def store() -> None:
                write()
                self._store.put(KEY, sweep)  # after the rows: none is claimed without them

            await asyncio.to_thread(store)


def load(store: ObjectStore) -> Sweep:
    """The sweep that was begun; a new one where none was, or where it cannot be read."""
    try:
        return msgspec.json.decode(store.get(KEY), type=Sweep)
    except (ObjectMissing, msgspec.DecodeError, RecursionError):
        return Sweep()


def _told(rows: int, left: Sequence[str], cut: Sequence[str]) -> str:
    text = f"{rows:,} read, "
    text += f"{len(left)} partitions left for the next run" if left else "the sweep is complete"
    if cut:
        text += f"; beyond the market's cap of {OFFSET_CAP:,} rows and not read: {', '.join(cut)}"
    return text
