"""The parts that exist, as far as the bot has seen them on listed axies: what people are offered to choose.

A few hundred ids, kept in memory and in a small table; a page of listings with nothing new costs no query.
The marketplace names no recessive gene; but a gene that is recessive here shows as a part elsewhere, so its
name is learnt from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import select

from bot.db import Database
from bot.db.tables import ListingRow, PartRow
from pipeline.market.errors import GeneError
from pipeline.market.genes import Gene, decode
from pipeline.market.values import Axie, Listing, Slot

LOOK_BACK = 2_000  # listings that a database without the table's rows is filled from
LONGEST = 60


class Parts:
    """Part ids such as `tail-carrot`, sorted, and the names of genes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, str | None] | None = None  # the gene of each part, as far as it is known
        self._of_gene: dict[str, str] = {}
        self._sorted: tuple[str, ...] = ()
        self._loading = asyncio.Lock()

    async def all(self) -> tuple[str, ...]:
        """Every part seen so far."""
        await self._load()
        return self._sorted

    async def of_genes(self) -> Mapping[str, str]:
        """The part that each gene shows as, by `gene_key`, as far as one was seen."""
        await self._load()
        return self._of_gene

    async def seen(self, axies: Iterable[Axie]) -> None:
        """Take note of the parts of listed axies."""
        known = await self._load()
        new: dict[str, str | None] = {}
        for axie in axies:
            if all(known.get(part.id) or new.get(part.id) for part in axie.parts):
                continue
            for id_, gene in _parts(axie).items():
                if id_ not in known or (gene and known[id_] is None):
                    new[id_] = gene or new.get(id_)
        if new:
            await self._add(new)

    async def _load(self) -> dict[str, str | None]:
        async with self._loading:
            if self._known is None:
                async with self._db.reading() as session:
                    rows = (await session.execute(select(PartRow.id, PartRow.gene))).all()
                found: dict[str, str | None] = {row.id: row.gene for row in rows}
                self._take(found)
                if not found:
                    await self._add(await self._of_listings())
            assert self._known is not None
            return self._known

    async def _of_listings(self) -> dict[str, str | None]:
        newest = select(ListingRow.body).order_by(ListingRow.seen_at.desc()).limit(LOOK_BACK)
        async with self._db.reading() as session:
            bodies = list(await session.scalars(newest))
        found: dict[str, str | None] = {}
        for body in bodies:
            found |= _parts(msgspec.json.decode(body, type=Listing).axie)
        return found

    async def _add(self, new: Mapping[str, str | None]) -> None:
        if not new:
            return
        rows = [{"id": id_, "gene": gene} for id_, gene in sorted(new.items())]
        async with self._db.session() as session:
            await session.execute(self._db.upsert(PartRow, "id", "gene"), rows)
        self._take(new)

    def _take(self, found: Mapping[str, str | None]) -> None:
        self._known = {**(self._known or {}), **found}
        self._of_gene |= {gene: id_ for id_, gene in found.items() if gene}
        self._sorted = tuple(sorted(self._known))


def gene_key(slot: Slot, gene: Gene) -> str:
    """A gene of a slot in one word: `tail:Beast:4`."""
    return f"{slot}:{gene.class_}:{gene.value}"


def _parts(axie: Axie) -> dict[str, str | None]:
    """An axie's parts with the genes that they show; special and evolved ones bear names of their own."""
    found: dict[str, str | None] = {part.id: None for part in axie.parts if 0 < len(part.id) <= LONGEST}
    try:
        genes = decode(axie.genes) if axie.genes else None
    except GeneError:
        genes = None
    for part, told in zip(axie.parts, genes.parts if genes else (), strict=False):
        if part.id in found and part.slot is told.slot and told.skin == 0 and part.special is None:
            found[part.id] = gene_key(part.slot, told.dominant)
    return found
