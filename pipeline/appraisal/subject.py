"""The subject: what of an axie a price may depend on, in one form for history and for live listings.

Training reads it from a row of the sales table, serving from a listed axie. Nothing past this file can
tell which of the two it came from, so what is learnt is what is served.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.market.traits import collection, dearest, special_kind, special_parts
from pipeline.market.values import Axie, AxieClass, Slot

if TYPE_CHECKING:  # what serves never sees a table, and does without the library
    import pandas as pd

NAN = math.nan
CLASSES = {cls.value: index for index, cls in enumerate(AxieClass)}
SLOTS = tuple(slot.value for slot in Slot)
CATEGORIES = ("class", *SLOTS, "collection")


@dataclass(frozen=True, slots=True)
class Subject:
    """An axie as the model sees it. Unknown numbers are NaN; `parts` are ids in slot order."""

    axie_id: int
    class_: str
    parts: tuple[str, ...]
    breed_count: int
    pure_parts: float = NAN
    purity: float = NAN
    level: float = NAN
    hp: float = NAN
    speed: float = NAN
    skill: float = NAN
    morale: float = NAN
    evolved_parts: float = NAN
    collection: str = ""
    special_parts: float = NAN

    @property
    def categories(self) -> tuple[str, ...]:
        """The values of `CATEGORIES`."""
        return (self.class_, *self.parts, self.collection)


@dataclass(frozen=True, slots=True)
class SaleEvent:
    """A sale at a known price in dollars; `at` is seconds since 1970."""

    subject: Subject
    at: float
    price_usd: float


@dataclass(frozen=True, slots=True)
class AskEvent:
    """An axie seen for sale at a price in dollars; `at` is seconds since 1970."""

    subject: Subject
    at: float
    ask_usd: float
    seller: str = ""


Event = SaleEvent | AskEvent


def from_axie(axie: Axie) -> Subject:
    """The subject of an axie as the marketplace describes it."""
    kind = collection(axie)
    stats = axie.stats
    return Subject(
        axie_id=axie.id,
        class_=axie.class_.value,
        parts=tuple(part.id for part in axie.parts),
        breed_count=axie.breed_count,
        pure_parts=axie.pure_parts,
        purity=_number(axie.purity),
        level=_number(axie.level),
        hp=stats.hp if stats else NAN,
        speed=stats.speed if stats else NAN,
        skill=stats.skill if stats else NAN,
        morale=stats.morale if stats else NAN,
        evolved_parts=sum(part.stage > 1 for part in axie.parts),
        collection=kind.value if kind else "",
        special_parts=sum(special_parts(axie).values()),
    )


def from_table(table: pd.DataFrame) -> Iterator[SaleEvent]:
    """The events of a sales table (`pipeline.sales`), in its order."""
    columns = _columns(table)
    times = table["sold_at"].astype("int64").to_numpy() / _ticks(table["sold_at"])
    prices = table["price_usd"].to_numpy()
    for index in range(len(table)):
        row = {name: values[index] for name, values in columns.items()}
        yield SaleEvent(_subject(row), float(times[index]), float(prices[index]))


def _ticks(times: pd.Series[Any]) -> float:
    return {"s": 1e0, "ms": 1e3, "us": 1e6, "ns": 1e9}[times.dt.unit]


def _columns(table: pd.DataFrame) -> dict[str, Sequence[Any]]:
    numbers = (
        "axie_id", "breed_count", "pure_parts", "purity", "level", "hp", "speed", "skill", "morale",
        "evolved_parts",
    )  # fmt: skip
    texts = ("class", *SLOTS, "title", "special_genes")
    found: dict[str, Sequence[Any]] = {
        name: table[name].to_numpy(dtype="float64", na_value=NAN).tolist()
        for name in numbers
        if name in table.columns
    }
    return found | {name: table[name].tolist() for name in texts if name in table.columns}


def _subject(row: Mapping[str, Any]) -> Subject:
    specials = _text(row.get("special_genes"))
    kinds = [kind for special in specials.split("|") if (kind := special_kind(special))]
    kind = dearest(kinds, _text(row.get("title")))
    return Subject(
        axie_id=int(row["axie_id"]),
        class_=str(row["class"]),
        parts=tuple(str(row[slot]) for slot in SLOTS),
        breed_count=int(row["breed_count"]),
        pure_parts=_number(row.get("pure_parts")),
        purity=_number(row.get("purity")),
        level=_number(row.get("level")),
        hp=_number(row.get("hp")),
        speed=_number(row.get("speed")),
        skill=_number(row.get("skill")),
        morale=_number(row.get("morale")),
        evolved_parts=_number(row.get("evolved_parts")),
        collection=kind.value if kind else "",
        special_parts=float(len(kinds)) if specials else NAN,
    )


def _number(value: Any) -> float:
    return NAN if value is None else float(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
