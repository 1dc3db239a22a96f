"""Words that people write, in options and in forms, read as domain values or refused with a reason."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from bot.services.pacing import Quiet
from cogs import format as fmt
from cogs.sentences import Refused
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Slot, Token

if TYPE_CHECKING:
    from collections.abc import Iterable

Member = TypeVar("Member", bound=StrEnum)
_PART: Final = re.compile(rf"(?:{'|'.join(Slot)})-[a-z0-9-]{{1,40}}")
_HOURS: Final = re.compile(r"(\S{1,12}?)\s*(?:-|–|—|\bto\b)\s*(\S{1,12})")
_TIME: Final = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(am|pm)?", re.IGNORECASE)
_RANGE: Final = re.compile(r"\s*(?P<low>[^-–\s]*)\s*(?P<dash>[-–]?)\s*(?P<high>[^-–\s]*)\s*")


def words(text: str) -> list[str]:
    """What stands between commas."""
    return [word for part in text.split(",") if (word := part.strip())]


def classes(text: str) -> tuple[AxieClass, ...]:
    """Axie classes, without repetitions, in the order given."""
    return _members(text, AxieClass, "no axie class. The classes are")


def collections(text: str) -> tuple[Collection, ...]:
    """Collections, without repetitions, in the order given."""
    return _members(text, Collection, "no collection. The collections are")


def tokens(text: str) -> tuple[Token, ...]:
    """Payment tokens; ETH is written for WETH as often as not."""
    known = ["WETH" if word.upper() == "ETH" else word for word in words(text)]
    return _members(",".join(known), Token, "no payment token. The tokens are")


def parts(text: str) -> tuple[str, ...]:
    """Part ids, lower case and without repetitions."""
    found = tuple(dict.fromkeys(re.sub(r"\s+", "-", word.lower()) for word in words(text)))
    for part in found:
        if not _PART.fullmatch(part):
            raise Refused(
                f"“{fmt.plain(part, 40)}” is no part id. Write slot and name, like `tail-carrot` or "
                "`mouth-tiny-turtle`, with commas between several."
            )
    if len(found) > len(Slot):
        raise Refused("An axie has six parts; name at most six.")
    return found


def quiet(text: str) -> Quiet:
    """Hours of the day like `22:00-07:00`, `22-7` or `10pm to 7am`."""
    match = _HOURS.fullmatch(text.strip())
    start, end = (_minute(match[1]), _minute(match[2])) if match else (None, None)
    if start is None or end is None or start == end:
        raise Refused(f"“{fmt.plain(text, 40)}” are no quiet hours. Write them like `22:00-07:00`.")
    return Quiet(start, end)


def number(text: str, what: str, low: float = 0.0, high: float = 10_000_000.0) -> float | None:
    """A number that a person wrote, with or without its unit; None where the field was left empty."""
    bare = text.strip().replace(",", ".").strip("$%").strip()
    if not bare:
        return None
    try:
        value = float(bare)
    except ValueError:
        value = math.nan
    if not low <= value <= high:  # nor is a value that is no number
        raise Refused(
            f"“{fmt.plain(text, 40)}” cannot be the {what}: write a number from {low:g} to {high:,.0f}."
        )
    return value


def span(text: str, what: str, high: float) -> tuple[float | None, float | None]:
    """A range like `5-40`, `-40` (at most), `5-` (at least), or `3` alone; empty is no limit."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise Refused(f"“{fmt.plain(text, 40)}” cannot be the {what}: write a range like `5-40` or `-40`.")
    least, most = number(match["low"], what, 0, high), number(match["high"], what, 0, high)
    if not match["dash"]:
        most = least
    if least is not None and most is not None and least > most:
        raise Refused(f"The least {what} ({least:g}) is above the most ({most:g}); no axie could match.")
    return least, most


def _members(text: str, kind: type[Member], what: str) -> tuple[Member, ...]:
    by_name = {each.lower(): each for each in kind}
    given = words(text)
    if unknown := [word for word in given if word.lower() not in by_name]:
        raise Refused(f"“{fmt.plain(unknown[0], 40)}” is {what} {_listed(kind)}.")
    return tuple(dict.fromkeys(by_name[word.lower()] for word in given))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _minute(text: str) -> int | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour == 24 and minute == 0:
        hour = 0
    return hour * 60 + minute if hour < 24 and minute < 60 else None
