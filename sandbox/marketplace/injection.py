"""Listings made to order: an axie with chosen traits, at a chosen price, for tests and demonstrations.

A request names what matters (class, parts, breed count, …) and leaves the rest to chance; the price is a
multiple of the fair value, or an amount of a token. Wrong requests raise InjectionError with the reason.
"""

import math
from typing import Any, Final

from sandbox.marketplace.axies import TITLES
from sandbox.marketplace.catalogue import CLASSES, SKINS, VARIANTS
from sandbox.marketplace.economy import Economy
from sandbox.marketplace.orders import TOKENS, Order
from sandbox.marketplace.prices import COLLECTIONS

_COLLECTION_OF_SKIN: Final = {
    "Mystic": "Mystic",
    "Japan": "Japanese",
    "Xmas2018": "Christmas",
    "Xmas2019": "Christmas",
    "Summer2022": "Summer",
    "SummerShiny2022": "Shiny",
    "Nightmare": "Nightmare",
    "NightmareShiny": "Shiny",
    "Bionic": "Summer",
}
_PLAIN: Final = {
    "breedCount": ("breed_count", 0, 7),
    "level": ("level", 1, 60),
    "banned": ("banned", 0, 1),
    "egg": ("egg", 0, 1),
    "quality": ("quality", -2, 2),
}
"""Trait → column, least and most."""
_SYMBOLS: Final = tuple(t.symbol for t in TOKENS)
_FIELDS: Final = frozenset(
    {"axie", "axieId", "askMultiple", "price", "token", "endMultiple", "durationSeconds", "buyable"}
)


class InjectionError(ValueError):
    """The request for a listing cannot be fulfilled."""


def inject(economy: Economy, wish: dict[str, Any]) -> Order:
    """List an axie now.

    `axieId` takes an existing axie; otherwise `axie` may hold class, parts (list of ids), breedCount, level,
    title, banned, egg and the hidden quality (log). The price is `askMultiple` × fair (default 1) or `price`
    in units of `token` (a symbol, default WETH). With `endMultiple` and `durationSeconds` it is an auction
    that ends at that multiple of fair. `buyable: false` keeps the simulated buyers away.
    """
    unknown = set(wish) - _FIELDS
    if unknown:
        raise InjectionError(f"unknown: {', '.join(sorted(unknown))}")
    symbol = wish.get("token", "WETH")
    if symbol not in _SYMBOLS:
        raise InjectionError(f"token must be one of {', '.join(_SYMBOLS)}")
    try:
        row = _row(economy, wish)
        multiple = float(wish.get("askMultiple", 1.0))
        if multiple <= 0:
            raise InjectionError("askMultiple must be above 0")
        dutch = None
        if "endMultiple" in wish:
            dutch = (
                math.log(float(wish["endMultiple"]) / multiple),
                float(wish.get("durationSeconds", 86_400)),
            )
        base = int(wish["price"]) if "price" in wish else None
        if base is not None and base <= 0:
            raise InjectionError("price must be above 0")
    except InjectionError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise InjectionError(str(error)) from None
    return economy.place(
        row,
        math.log(multiple),
        origin="injected",
        token=_SYMBOLS.index(symbol),
        dutch=dutch,
        buyable=bool(wish.get("buyable", True)),
        base=base,
    )


def _row(economy: Economy, wish: dict[str, Any]) -> int:
    population = economy.population
    if "axieId" in wish:
        row = population.row_of.get(int(wish["axieId"]))
        if row is None:
            raise InjectionError("no such axie")
        return row
    traits = dict(wish.get("axie") or {})
    wanted: dict[str, Any] = {"collection": 0, "egg": False, "banned": False}
    if "class" in traits:
        wanted["class"] = _index(CLASSES, traits.pop("class"), "class")
    skins = [0] * 6
    parts = {}
    for pid in traits.pop("parts", ()):
        if pid not in VARIANTS:
            raise InjectionError(f"no such part: {pid}")
        slot, number, of = VARIANTS[pid]
        parts[slot], skins[slot] = number, min(of)
    title = traits.pop("title", None) or ""
    wanted["title"] = _index(TITLES, title, "title")
    for name, (column, least, most) in _PLAIN.items():
        if name in traits:
            wanted[column] = _between(traits, name, 0, least, most)
            del traits[name]
    if traits:
        raise InjectionError(f"unknown trait: {', '.join(sorted(traits))}")
    named = {"Origin": "Origin", "MEO Corp": "MEO", "MEO Corp II": "MEO"}.get(title)
    special = named or next((_COLLECTION_OF_SKIN[SKINS[s][0]] for s in skins if s), None)
    if special is not None:
        wanted["collection"] = COLLECTIONS.index(special) + 1
    return population.add(parts=parts, skins=skins, **wanted)


def _between(wish: dict[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = wish.get(name, default)
    if not isinstance(value, (int, float)) or not least <= value <= most:
        raise InjectionError(f"{name} must be a number from {least} to {most}")
    return value


def _index(names: tuple[str, ...], name: Any, what: str) -> int:
    if name not in names:
        raise InjectionError(f"{what} must be one of {', '.join(n for n in names if n)}")
    return names.index(name)
