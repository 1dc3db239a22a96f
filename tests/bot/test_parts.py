"""What is learnt of parts from listed axies: that they exist, and which gene shows as which."""

from __future__ import annotations

import msgspec

from bot.db import Database
from bot.services.parts import Parts, gene_key
from pipeline.market.genes import decode
from tests.bot.market import opened


async def test_genes_are_named_by_the_parts_that_they_show_as(db: Database) -> None:
    async with opened() as stall:
        listings = (await stall.client.newest_listings()).rows
    parts = Parts(db)
    await parts.seen(listing.axie for listing in listings)
    known = await parts.of_genes()
    shown = 0
    for listing in listings:
        assert listing.axie.genes is not None
        for part, told in zip(listing.axie.parts, decode(listing.axie.genes).parts, strict=True):
            if told.skin == 0:
                shown += 1
                assert known[gene_key(part.slot, told.dominant)] == part.id
    assert shown > 300
    again = Parts(db)
    assert await again.of_genes() == known
    assert await again.all() == await parts.all()


async def test_a_part_that_was_known_without_its_gene_learns_it_later(db: Database) -> None:
    async with opened() as stall:
        axies = [listing.axie for listing in (await stall.client.newest_listings()).rows]
    parts = Parts(db)
    await parts.seen(msgspec.structs.replace(axie, genes=None) for axie in axies)
    assert await parts.of_genes() == {}
    await parts.seen(axies)
    assert len(await parts.of_genes()) > 50
