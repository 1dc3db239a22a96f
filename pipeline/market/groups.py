"""The groups of axies whose floors are followed: all, each class, each collection.

A collection's criteria name every count from one part to six, which means the same whether the
marketplace reads counts as a set or as a range.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass

ALL = "all"
_COUNTS = {
    Collection.MYSTIC: "numMystic",
    Collection.SHINY: "numShiny",
    Collection.CHRISTMAS: "numXmas",
    Collection.JAPANESE: "numJapan",
    Collection.NIGHTMARE: "numNightmare",
    Collection.SUMMER: "numSummer",
}
_TITLES = {Collection.ORIGIN: ("Origin",), Collection.MEO: ("MEO Corp", "MEO Corp II")}


def of_class(class_: AxieClass) -> str:
    """The group of a class."""
    return f"class:{class_}"


def of_collection(collection: Collection) -> str:
    """The group of a collection."""
    return f"collection:{collection}"


CRITERIA: Mapping[str, Mapping[str, object]] = {
    ALL: {},
    **{of_class(each): {"classes": [each.value]} for each in AxieClass},
    **{of_collection(each): {name: [1, 2, 3, 4, 5, 6]} for each, name in _COUNTS.items()},
    **{of_collection(each): {"title": list(titles)} for each, titles in _TITLES.items()},
}
"""What the marketplace's search is asked for, by group."""
