"""Which axies a search finds, and in which order, over the columns of the book and the population.

`Latest` is deliberately not strict: a few rows stand some seconds away from where their age would put them.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sandbox.marketplace.axies import TITLES
from sandbox.marketplace.catalogue import CLASSES, VARIANTS
from sandbox.marketplace.economy import WALLETS, Economy
from sandbox.marketplace.sales import address
from sandbox.marketplace.views import SHAPES

PAGE: Final = 100
LAST_OFFSET: Final = 10_000
FAR_S, NEAR_S = 30.0, 4.0  # how far some rows and some more stand out of their place

_SKIN_COUNTS: Final = {
    "numMystic": (1,),
    "numJapan": (3,),
    "numXmas": (4, 5),
    "numSummer": (6, 7, 8, 9, 10, 11),
    "numShiny": (9, 10, 11, 13),
    "numNightmare": (12, 13),
}
_PLAIN: Final = {"breedCount": "breed_count", "pureness": "pure_parts", "level": "level", "purity": "purity"}
_RANGES: Final = frozenset({"purity", "level"})

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Search:
    """Answers searches of one economy; the last answers are kept while the book stays as it is."""

    def __init__(self, economy: Economy) -> None:
        self._economy = economy
        self._kept: dict[str, Ints] = {}
        self._version = (-1, 0.0)

    def rows(self, auction: str, sort: str, owner: str | None, criteria: Mapping[str, Any]) -> Ints:
        """Row numbers of all axies found, sorted."""
        version = (self._economy.book.version, self._economy.level)
        if version != self._version:
            self._version = version
            self._kept.clear()
        key = repr((auction, sort, owner, sorted(criteria.items())))
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._find(auction, sort, owner, criteria)
        return found

    def _find(self, auction: str, sort: str, owner: str | None, criteria: Mapping[str, Any]) -> Ints:
        economy = self._economy
        book = economy.book
        slots = book.open_slots()
        if auction == "Sale":
            rows = book.row[slots]
        else:
            known = np.zeros(economy.population.size, dtype=bool)
            known[[o.row for o in economy.orders]] = True
            if auction == "NotForSale":
                known[book.row[slots]] = False
            rows = np.flatnonzero(known)
        keep = self._matching(rows, criteria, owner)
        rows = rows[keep]
        if auction == "Sale":
            return rows[_order_listed(economy, slots[keep], rows, sort)]
        ids = economy.population.columns["id"][rows]
        return rows[np.argsort(-ids if sort in ("IdDesc", "Latest") else ids, kind="stable")]

    def _matching(self, rows: Ints, criteria: Mapping[str, Any], owner: str | None) -> Bools:
        economy = self._economy
        c = economy.population.columns
        keep = np.ones(len(rows), dtype=bool)
        egg = c["egg"][rows]
        if owner is not None:
            wallet = next((w for w in range(WALLETS) if address(economy.config.seed, w) == owner.lower()), -1)
            keep &= c["owner"][rows] == wallet
        for name, wanted in criteria.items():
            if not wanted:
                continue
            if name == "stages":
                keep &= (egg & (1 in wanted)) | (~egg & (4 in wanted))
            elif name == "classes":
                keep &= np.isin(c["class"][rows], [CLASSES.index(w) for w in wanted]) & ~egg
            elif name == "title":
                keep &= np.isin(c["title"][rows], [TITLES.index(w) for w in wanted if w in TITLES])
            elif name == "parts":
                keep &= self._with_parts(rows, wanted) & ~egg
            elif name == "bodyShapes":
                keep &= np.isin(c["body"][rows], [SHAPES.index(w) for w in wanted]) & ~egg
            elif name == "excludingList":
                keep &= ~np.isin(c["id"][rows], wanted)
            elif name in _SKIN_COUNTS:
                keep &= np.isin(np.isin(c["skins"][rows], _SKIN_COUNTS[name]).sum(axis=1), wanted)
            elif name in _RANGES and len(wanted) == 2:
                values = c[_PLAIN[name]][rows]
                keep &= (values >= wanted[0]) & (values <= wanted[1]) & ~egg
            else:
                keep &= np.isin(c[_PLAIN[name]][rows], wanted) & ~egg
        return keep

    def _with_parts(self, rows: Ints, wanted: list[str]) -> Bools:
        """Any of the wanted parts of a slot, in every slot that is named."""
        c = self._economy.population.columns
        by_slot: dict[int, Bools] = {}
        none = np.zeros(len(rows), dtype=bool)
        for pid in wanted:
            if pid not in VARIANTS:
                return none
            slot, number, skins = VARIANTS[pid]
            hit = (c["genes"][rows, slot, 0] == number) & np.isin(c["skins"][rows, slot], list(skins))
            by_slot[slot] = by_slot.get(slot, none) | hit
        every: Bools = np.logical_and.reduce(list(by_slot.values()))
        return every


def _order_listed(economy: Economy, slots: Ints, rows: Ints, sort: str) -> Ints:
    book = economy.book
    c = economy.population.columns
    if sort in ("PriceAsc", "PriceDesc"):
        key = book.usd(slots, economy.now, economy.rates)
    elif sort in ("IdAsc", "IdDesc"):
        key = c["id"][rows].astype(np.float64)
    elif sort in ("LevelAsc", "LevelDesc"):
        key = c["level"][rows].astype(np.float64)
    else:
        number = book.number[slots]
        mixed = number * 2_654_435_761 % 1_000
        jitter = np.where(mixed < 40, FAR_S, np.where(mixed < 200, NEAR_S, 0.0))
        jitter *= (mixed % 21) / 10.0 - 1.0
        key = book.f["start"][slots] + jitter
    descending = sort in ("PriceDesc", "IdDesc", "LevelDesc", "Latest")
    return np.argsort(-key if descending else key, kind="stable")
