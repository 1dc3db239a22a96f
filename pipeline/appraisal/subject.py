"""The subject: what of an axie a price may depend on, in one form for history and for live listings.

Training reads it from a row of the sales table, serving from a listed axie. Nothing past this file can
tell which of the two it came from, so what is learnt is what is served.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.market.errors import GeneError
from pipeline.market.genes import inherited
from pipeline.market.traits import dearest, special_kind, special_parts
from pipeline.market.values import Axie, AxieClass, Price, Slot, Token

if TYPE_CHECKING:  # what serves never sees a table, and does without the library
    import pandas as pd

NAN = math.nan
CLASSES = {cls.value: index for index, cls in enumerate(AxieClass)}
SLOTS = tuple(slot.value for slot in Slot)
CATEGORIES = ("class", *SLOTS, "collection")
_TOKENS = frozenset(token.value for token in Token)
_DIGITS = 40  # no sensible amount of a token has more
BREEDING = tuple(f"breeding_cost_usd_{k}" for k in range(1, 8))


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
    first_alike: float = NAN
    second_alike: float = NAN
    skinned_parts: float = NAN
    body_skin: float = NAN

    @property
    def categories(self) -> tuple[str, ...]:
        """The values of `CATEGORIES`."""
        return (self.class_, *self.parts, self.collection)


@dataclass(frozen=True, slots=True)
class SaleEvent:
    """A sale at a known price in dollars; `at` is seconds since 1970.

    `quotes` are what else had a price then, in dollars by name: the token that was paid in, and each further
    breeding of an axie where that is known.
    """

    subject: Subject
    at: float
    price_usd: float
    quotes: Sequence[tuple[str, float]] = ()


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
    specials = special_parts(axie)
    kind = dearest(specials, axie.title)
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
        special_parts=sum(specials.values()),
        **_inherited(axie.genes),
    )


def from_table(table: pd.DataFrame) -> Iterator[SaleEvent]:
    """The events of a sales table (`pipeline.sales`), in its order."""
    columns = _columns(table)
    times = table["sold_at"].astype("int64").to_numpy() / _ticks(table["sold_at"])
    prices = table["price_usd"].to_numpy()
    quotes = _quotes(table)
    for index in range(len(table)):
        row = {name: values[index] for name, values in columns.items()}
        yield SaleEvent(_subject(row), float(times[index]), float(prices[index]), quotes[index])


def _quotes(table: pd.DataFrame) -> list[list[tuple[str, float]]]:
    """What each sale tells of other prices: of the token paid in, and of the axie's next breeding."""
    found: list[list[tuple[str, float]]] = [[] for _ in range(len(table))]
    bred = table["breed_count"].to_numpy()
    for k, name in enumerate(BREEDING):
        if name in table.columns:
            cost = table[name].to_numpy(dtype="float64", na_value=NAN)
            for index in np.flatnonzero((bred == k) & (cost > 0) & (cost < math.inf)).tolist():
                found[index].append((name, float(cost[index])))
    if {"payment_token", "price_raw"} <= set(table.columns):
        paid = zip(table["payment_token"], table["price_raw"], table["price_usd"].tolist(), strict=True)
        for index, (token, amount, usd) in enumerate(paid):
            if token in _TOKENS and 0 < (rate := usd / _whole(amount, Token(token))) < math.inf:
                found[index].append((token, rate))
    return found


def _whole(amount: Any, token: Token) -> float:
    """An amount of a table as whole tokens; NaN where it is none, or nothing."""
    known = isinstance(amount, str) and len(amount) <= _DIGITS and amount.isdecimal()
    return (Price(int(amount), token).whole() if known else 0.0) or NAN


def _ticks(times: pd.Series[Any]) -> float:
    return {"s": 1e0, "ms": 1e3, "us": 1e6, "ns": 1e9}[times.dt.unit]


def _columns(table: pd.DataFrame) -> dict[str, Sequence[Any]]:
    numbers = (
        "axie_id", "breed_count", "pure_parts", "purity", "level", "hp", "speed", "skill", "morale",
        "evolved_parts",
    )  # fmt: skip
    texts = ("class", *SLOTS, "title", "special_genes", "genes")
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
        **_inherited(_text(row.get("genes"))),
    )


def _inherited(genes: str | None) -> dict[str, float]:
    try:
        return inherited(genes)._asdict() if genes else {}
    except GeneError:
        return {}


def _number(value: Any) -> float:
    return NAN if value is None else float(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
