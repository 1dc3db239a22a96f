"""The game's table of part strengths: what each part does in battle, by its id.

Buyers who play pay for strong parts, so that this tells something of a part that has hardly been traded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from msgspec import Struct

from pipeline.datasets import Damaged
from pipeline.objects import ObjectStore
from pipeline.side import markup, pages
from pipeline.side.tables import Dated, SideError, held_at, stored_tables

NAME = "part_strengths"
TIERS = {"D": 1, "C": 2, "B": 3, "A": 4, "S": 5}
USABLE = 0.5  # the share of rows below which a table is taken for something else
_COLUMNS = ("Part", "Tier", "Energy", "Attack", "Defence")
_MOST = {"Energy": 5, "Attack": 500, "Defence": 500}


class PartStrength(Struct, frozen=True):
    """What a part does: its tier from 1 (D) to 5 (S), what energy it costs, its attack and defence."""

    part: str
    tier: int
    energy: int
    attack: int
    defence: int


class PartStrengths:
    """The adapter: reads the table from a page, through a browser only where the page needs one."""

    name = NAME

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self, today: date) -> Dated[PartStrength]:
        """The table as it is now, from the day that the page states, or today. Raises SideError."""
        html = await pages.fetched(self._url)
        try:
            rows = markup.table(html, _COLUMNS)
        except markup.LayoutError as error:
            if "<script" not in html.lower():
                raise SideError(str(error)) from None
            html = await pages.rendered(self._url, "table td")
            try:
                rows = markup.table(html, _COLUMNS)
            except markup.LayoutError as after:
                raise SideError(str(after)) from None
        return dated(rows, markup.stated_day(html), today)


def dated(rows: list[dict[str, str]], stated: date | None, today: date) -> Dated[PartStrength]:
    """Checked rows of the page as a table. Raises SideError where too few of them make sense."""
    good: dict[str, PartStrength] = {}
    for row in rows:
        if (strength := _strength(row)) is not None:
            good.setdefault(strength.part, strength)
    if len(good) < max(1.0, USABLE * len(rows)):
        example = f", such as {rows[0]}" if rows else ""
        raise SideError(f"{len(rows) - len(good)} of {len(rows)} rows make no sense{example}"[:300])
    believed = stated if stated is not None and stated <= today else None
    return Dated(believed or today, tuple(good.values()), believed is not None, len(rows) - len(good))


def _strength(row: Mapping[str, str]) -> PartStrength | None:
    numbers = [row[name] for name in _MOST]
    if not row["Part"] or row["Tier"].upper() not in TIERS or not all(text.isdecimal() for text in numbers):
        return None
    energy, attack, defence = (int(text[:9]) for text in numbers)
    if any(value > most for value, most in zip((energy, attack, defence), _MOST.values(), strict=True)):
        return None
    return PartStrength(row["Part"], TIERS[row["Tier"].upper()], energy, attack, defence)


def part_strengths(store: ObjectStore, as_of: datetime) -> Mapping[str, PartStrength] | None:
    """Part id → strength by the table that held at a moment; None where none did. Raises StoreError."""
    held = held_at(part_strength_tables(store), as_of)
    return None if held is None else {row.part: row for row in held.rows}


def part_strength_tables(
    store: ObjectStore, damaged: list[Damaged] | None = None
) -> list[Dated[PartStrength]]:
    """Every stored table, oldest first: for joining many moments at once. Raises StoreError."""
    return stored_tables(store, NAME, PartStrength, damaged)
