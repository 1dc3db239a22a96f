"""What `/v1/predict` may be asked, with its bounds: checked here, and told to the world from here.

Strangers write these, so each number and text has an end; what is inside them is a domain value of the
same names, which `Question.domain` gives.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from pipeline.market.values import Axie, AxieClass, Listing, OrderStatus, Token

MOST_AMOUNT = 2**256 - 1

AxieId = Annotated[int, Meta(ge=1, lt=2**53)]
Word = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=1000)]
Stat = Annotated[int, Meta(ge=0, le=1000)]
Moment = Annotated[datetime, Meta(tz=True)]


class BadQuestion(Exception):
    """The body cannot be answered; the message is a sentence for whoever sent it."""


class AskedPart(Struct, frozen=True):
    """One part; its slot is that of its place among the six."""

    id: Word
    class_: AxieClass
    stage: Annotated[int, Meta(ge=0, le=10)] = 1
    special: Word | None = None


class AskedEyes(AskedPart, frozen=True, kw_only=True):
    """The first part."""

    slot: Literal["eyes"]


class AskedEars(AskedPart, frozen=True, kw_only=True):
    """The second part."""

    slot: Literal["ears"]


class AskedMouth(AskedPart, frozen=True, kw_only=True):
    """The third part."""

    slot: Literal["mouth"]


class AskedHorn(AskedPart, frozen=True, kw_only=True):
    """The fourth part."""

    slot: Literal["horn"]


class AskedBack(AskedPart, frozen=True, kw_only=True):
    """The fifth part."""

    slot: Literal["back"]


class AskedTail(AskedPart, frozen=True, kw_only=True):
    """The last part."""

    slot: Literal["tail"]


class AskedStats(Struct, frozen=True):
    """Base battle statistics."""

    hp: Stat
    speed: Stat
    skill: Stat
    morale: Stat


class AskedAxie(Struct, frozen=True):
    """An axie; its six parts in the order of their slots."""

    id: AxieId
    class_: AxieClass
    parts: tuple[AskedEyes, AskedEars, AskedMouth, AskedHorn, AskedBack, AskedTail]
    breed_count: Annotated[int, Meta(ge=0, le=100)]
    owner: Word | None = None
    level: Annotated[int, Meta(ge=0, le=1000)] | None = None
    purity: Annotated[int, Meta(ge=0, le=100)] | None = None
    stats: AskedStats | None = None
    title: Word | None = None
    genes: Text | None = None
    birth_date: Annotated[int, Meta(ge=0, lt=2**53)] | None = None
    banned: bool = False
    image: Text | None = None


class AskedListing(Struct, frozen=True):
    """A sell order; amounts are in its token's smallest unit."""

    hash: Word
    axie: AskedAxie
    seller: Word
    token: Token
    base: Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MOST_AMOUNT})]
    ended: Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": MOST_AMOUNT})]
    started_at: Moment
    ended_at: Moment | None
    expires_at: Moment | None
    fee_bps: Annotated[int, Meta(ge=0, lt=10_000)]
    status: OrderStatus
    seen_at: Moment


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What `/v1/predict` is asked: exactly one of an axie's id, an axie, a listing."""

    axie_id: AxieId | None = None
    axie: AskedAxie | None = None
    listing: AskedListing | None = None

    def domain(self) -> int | Axie | Listing:
        """The one thing that is asked for."""
        asked = self.axie_id or self.axie or self.listing
        if isinstance(asked, int):
            return asked
        wanted: type[Axie | Listing] = Axie if isinstance(asked, AskedAxie) else Listing
        return msgspec.convert(msgspec.to_builtins(asked), wanted)


def question(body: bytes) -> int | Axie | Listing:
    """What a body asks for. Raises BadQuestion, which names the field."""
    try:
        asked = msgspec.json.decode(body, type=Question)
    except RecursionError:
        raise BadQuestion("The body cannot be read: it is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadQuestion(f"The body cannot be read: {error}") from error
    given = [value for value in (asked.axie_id, asked.axie, asked.listing) if value is not None]
    if len(given) != 1:
        raise BadQuestion("Give exactly one of `axie_id`, `axie` and `listing`.")
    if asked.listing is not None and (problem := _unsound(asked.listing)):
        raise BadQuestion(f"The body cannot be read: {problem}")
    return asked.domain()


def _unsound(listing: AskedListing) -> str | None:
    """What the types cannot say, with the field that it is about."""
    for name, least in (("base", 1), ("ended", 0)):  # a fixed price has no end
        if not least <= getattr(listing, name) <= MOST_AMOUNT:
            return f"an amount is from {least} to 2^256 - 1 - at `$.listing.{name}`"
    return None


def schema(component: dict[str, Any]) -> dict[str, Any]:
    """The schema of a question, of which `component` is what the types alone say: exactly one is given."""
    fields: dict[str, dict[str, Any]] = component["properties"]
    given = {
        name: next(each for each in field["anyOf"] if each != {"type": "null"})
        for name, field in fields.items()
    }
    return {
        "description": component["description"],
        "oneOf": [
            {
                "type": "object",
                "required": [name],
                "additionalProperties": False,
                "properties": {other: {"type": "null"} for other in given} | {name: wanted},
            }
            for name, wanted in given.items()
        ],
    }
