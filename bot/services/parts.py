"""The parts that exist, as far as the bot has seen them on listed axies: what people are offered to choose.

A few hundred ids, kept in memory and in a small table; a page of listings with nothing new costs no query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
from sqlalchemy import select

from bot.db import Database
from bot.db.tables import ListingRow, PartRow
from pipeline.market.values import Axie, Listing

LOOK_BACK = 2_000  # listings that a database without the table's rows is filled from
LONGEST = 60


class Parts:
    """Part ids such as `tail-carrot`, sorted."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: set[str] | None = None
        self._sorted: tuple[str, ...] = ()
        self._loading = asyncio.Lock()

    async def all(self) -> tuple[str, ...]:
        """Every part seen so far."""
        await self._load()
        return self._sorted

    async def seen(self, axies: Iterable[Axie]) -> None:
        """Take note of the parts of listed axies."""
        known = await self._load()
        ids = {part.id for axie in axies for part in axie.parts if 0 < len(part.id) <= LONGEST}
        if new := ids - known:
            await self._add(new)

    async def _load(self) -> set[str]:
        async with self._loading:
            if self._known is None:
                async with self._db.reading() as session:
                    self._known = set(await session.scalars(select(PartRow.id)))
                self._sorted = tuple(sorted(self._known))
                if not self._known:
                    await self._add(await self._of_listings())
            return self._known

    async def _of_listings(self) -> set[str]:
        newest = select(ListingRow.body).order_by(ListingRow.seen_at.desc()).limit(LOOK_BACK)
        async with self._db.reading() as session:
            bodies = list(await session.scalars(newest))
        listings = (msgspec.json.decode(body, type=Listing) for body in bodies)
        return {part.id for listing in listings for part in listing.axie.parts if len(part.id) <= LONGEST}

    async def _add(self, new: set[str]) -> None:
        assert self._known is not None
        if not new:
            return
        async with self._db.session() as session:
            await session.execute(self._db.insert_or_ignore(PartRow), [{"id": id_} for id_ in sorted(new)])
        self._known |= new
        self._sorted = tuple(sorted(self._known))
