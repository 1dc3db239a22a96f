"""From rows of the sales table back to the raw files they were made of: where to look when one is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from pipeline.datasets import Damaged, day_of, lines_of, record_keys
from pipeline.objects import ObjectStore

T = TypeVar("T")


class _Subject(Struct):
    id: int


class _Sale(Struct):
    axie: _Subject
    sold_at: datetime


class _Listing(Struct):
    axie: _Subject


def files_of(store: ObjectStore, rows: Sequence[tuple[int, datetime]]) -> list[str]:
    """The keys of the files from which rows, by axie and time of sale, came. Raises StoreError.

    A row that is in no file of sales was made from the axie's listing.
    """
    wanted = {(axie_id, int(at.timestamp())) for axie_id, at in rows}
    days = {at.astimezone(UTC).date() for _, at in rows}
    ignored: list[Damaged] = []  # whoever read the rows has reported them
    found: list[str] = []
    told: set[tuple[int, int]] = set()
    sales = msgspec.json.Decoder(_Sale)
    for key in record_keys(store, "sales"):
        if day_of(key) in days:
            held = (_decoded(sales, line) for line in lines_of(store, key, ignored))
            hits = {(row.axie.id, int(row.sold_at.timestamp())) for row in held if row is not None} & wanted
            found += [key] if hits else []
            told |= hits
    missing = {axie_id for axie_id, _ in wanted - told}
    listings = msgspec.json.Decoder(_Listing)
    for key in record_keys(store, "listings") if missing else ():
        seen = (_decoded(listings, line) for line in lines_of(store, key, ignored))
        found += [key] if any(row is not None and row.axie.id in missing for row in seen) else []
    return found


def _decoded(decoder: msgspec.json.Decoder[T], line: bytes) -> T | None:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
