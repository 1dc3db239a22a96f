"""What a watch wants, as the options of commands and the fields of forms name it.

`/watch add`, `/watch edit`, `/threshold set` and the forms all change a watch through `edited`: each option
stands here once, with the place where its value belongs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from bot.services.pacing import Delivery
from cogs import format as fmt
from cogs import parsing
from cogs.sentences import Refused
from pipeline.signal import Filters, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.services.presets import Preset
    from bot.services.watches import Watch

_MINUTE: Final = 60
_DEFAULT: Final = Thresholds()

TEXTS: Final = {
    "classes": "Only these classes, with commas between them: Plant, Beast",
    "collections": "Only of any of these collections, with commas between them: mystic, origin",
    "parts": "Only with all of these parts: tail-carrot, horn-cactus",
    "min_breeds": "Fewest breeds so far",
    "max_breeds": "Most breeds so far",
    "min_purity": "Least purity, in percent",
    "min_level": "Least level",
    "min_price": "Lowest ask, in dollars",
    "max_price": "Highest ask, in dollars",
    "tokens": "Only asks in these tokens: WETH, USDC, AXS, WRON, SLP",
    "max_age": "Oldest listing, in minutes",
    "min_net": f"Least net profit after fee and gas, in dollars (usually {_DEFAULT.min_net_usd:g})",
    "min_return": f"Least return on what the axie costs, in percent (usually {100 * _DEFAULT.min_return:g})",
    "min_probability": f"Least chance that it pays, in percent (usually {100 * _DEFAULT.min_probability:g})",
    "min_sell_chance": "Least chance to sell it again within a day, in percent",
    "role": "A role to ping",
    "ping_above": "Ping the role only from this net profit on, in dollars",
    "cap": "Most alerts an hour; what is beyond comes as one digest at the end of the hour",
    "quiet": "Hours without alerts, whose signals come as a digest afterwards: 22:00-07:00",
}

# Option: the part of a watch it belongs to, its field there, and what one of its units is there.
_PLACES: Final[dict[str, tuple[str, str, float | None]]] = {
    "classes": ("filters", "classes", None),
    "collections": ("filters", "collections", None),
    "parts": ("filters", "parts", None),
    "min_breeds": ("filters", "min_breed_count", None),
    "max_breeds": ("filters", "max_breed_count", None),
    "min_purity": ("filters", "min_purity", None),
    "min_level": ("filters", "min_level", None),
    "min_price": ("filters", "min_price_usd", None),
    "max_price": ("filters", "max_price_usd", None),
    "tokens": ("filters", "tokens", None),
    "max_age": ("filters", "max_age_s", _MINUTE),
    "min_net": ("thresholds", "min_net_usd", None),
    "min_return": ("thresholds", "min_return", 0.01),
    "min_probability": ("thresholds", "min_probability", 0.01),
    "min_sell_chance": ("thresholds", "min_sell_chance", 0.01),
    "role": ("delivery", "role_id", None),
    "ping_above": ("delivery", "ping_above_usd", None),
    "cap": ("delivery", "cap", None),
    "quiet": ("delivery", "quiet", None),
}


class Wish(Struct, frozen=True):
    """What a watch is about, what it needs and how it tells."""

    thresholds: Thresholds = Thresholds()
    filters: Filters = Filters()
    delivery: Delivery = Delivery()

    @classmethod
    def of(cls, source: Watch | Preset | None) -> Wish:
        """The wish of a watch or a preset; without one the usual thresholds for any axie."""
        return cls() if source is None else cls(source.thresholds, source.filters, source.delivery)


def edited(wish: Wish, given: Mapping[str, Any], lifted: Iterable[str] = ()) -> Wish:
    """The wish with the options that are given, and those in `lifted` as if they never had been.

    A value of None in `given` is an option that was left out.
    """
    changes: dict[str, dict[str, Any]] = {"thresholds": {}, "filters": {}, "delivery": {}}
    for option in lifted:
        group, field, _ = _PLACES[option]
        changes[group][field] = getattr(getattr(Wish(), group), field)
    for option, value in given.items():
        if value is not None:
            group, field, unit = _PLACES[option]
            changes[group][field] = value if unit is None else _scaled(value, unit)
    return Wish(
        msgspec.structs.replace(wish.thresholds, **changes["thresholds"]),
        msgspec.structs.replace(wish.filters, **changes["filters"]),
        msgspec.structs.replace(wish.delivery, **changes["delivery"]),
    )


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, out of all arguments of a command: two commands have the same nineteen options."""
    found = {option: arguments[option] for option in TEXTS}
    role = found["role"]
    return found | {"role": None if role is None else role.id}


def worn(watch: Watch, wish: Wish) -> Watch:
    """The watch with another wish."""
    return msgspec.structs.replace(
        watch, thresholds=wish.thresholds, filters=wish.filters, delivery=wish.delivery
    )


def shown(wish: Wish, option: str) -> Any:
    """The value of an option as a person would write it."""
    group, field, unit = _PLACES[option]
    value = getattr(getattr(wish, group), field)
    return value if unit is None or value is None else round(value / unit, 6)


def is_set(wish: Wish, option: str) -> bool:
    """Whether the option differs from what it is when nobody has said anything."""
    return bool(shown(wish, option) != shown(Wish(), option))


def options(text: str) -> tuple[str, ...]:
    """Options named with commas between them, to be lifted."""
    names = [word.lower().replace(" ", "_") for word in parsing.words(text)]
    if unknown := [name for name in names if name not in _PLACES]:
        raise Refused(
            f"“{fmt.plain(unknown[0], 40)}” is nothing that a watch has. Pick from the list that appears as "
            "you type, like `max_price` or `parts`."
        )
    return tuple(dict.fromkeys(names))


def _scaled(value: float, unit: float) -> float:
    # An integral unit keeps an integer; a percentage becomes a ratio without a tail of binary digits.
    return value * int(unit) if unit >= 1 else round(value * unit, 10)
