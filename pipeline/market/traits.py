"""What can be told from an axie's visible traits: its collection and its build.

The marketplace counts mystic, Japanese and Christmas parts but not summer, shiny or nightmare ones, so
all of them are derived here from the parts' special genes, in one way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from pipeline.market.values import Axie, Slot


class Collection(StrEnum):
    """What makes an axie a collectible, dearest first; its price is that of the dearest it belongs to."""

    MYSTIC = "mystic"
    ORIGIN = "origin"
    SHINY = "shiny"
    CHRISTMAS = "christmas"
    MEO = "meo"
    JAPANESE = "japanese"
    NIGHTMARE = "nightmare"
    SUMMER = "summer"


# Prefixes of `AxiePart.specialGenes`; shiny comes before the plain kinds whose names it extends.
_SPECIAL = (
    ("SummerShiny", Collection.SHINY),
    ("NightmareShiny", Collection.SHINY),
    ("Mystic", Collection.MYSTIC),
    ("Japan", Collection.JAPANESE),
    ("Xmas", Collection.CHRISTMAS),
    ("Summer", Collection.SUMMER),
    ("Nightmare", Collection.NIGHTMARE),
)
_TITLES = (("Origin", Collection.ORIGIN), ("MEO", Collection.MEO))
RANK = {collection: rank for rank, collection in enumerate(Collection)}
BATTLE_SLOTS = (Slot.MOUTH, Slot.HORN, Slot.BACK, Slot.TAIL)


def special_kind(special: str | None) -> Collection | None:
    """The collection that a part's special gene belongs to; None for plain or unknown (Bionic) genes."""
    if not special:
        return None
    return next((kind for prefix, kind in _SPECIAL if special.startswith(prefix)), None)


def special_parts(axie: Axie) -> dict[Collection, int]:
    """How many parts of each collection the axie has; kinds that it lacks are absent."""
    counts: dict[Collection, int] = {}
    for part in axie.parts:
        if kind := special_kind(part.special):
            counts[kind] = counts.get(kind, 0) + 1
    return counts


def dearest(kinds: Iterable[Collection], title: str | None) -> Collection | None:
    """The dearest of some parts' collections and the one that a title stands for, if any."""
    return min((*kinds, *_titled(title)), key=RANK.__getitem__, default=None)


def collection(axie: Axie) -> Collection | None:
    """The dearest collection the axie belongs to by title or parts, or None for a common axie."""
    return dearest(special_parts(axie), axie.title)


def collections(axie: Axie) -> frozenset[Collection]:
    """All collections the axie belongs to by title or parts."""
    return frozenset((*special_parts(axie), *_titled(axie.title)))


def _titled(title: str | None) -> Iterator[Collection]:
    return (kind for prefix, kind in _TITLES if (title or "").startswith(prefix))
