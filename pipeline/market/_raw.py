"""What we rely on in the marketplace's JSON, as typed rows, and the reader that holds each row against it.

An optional value that makes no sense is left out and the row kept; whatever else does not fit makes the
row unusable, with a reason from a small fixed set.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from pipeline.market.values import AxieClass, OrderStatus

FEE_BPS = 425
LONGEST_HASH = 80  # a hash has 66 characters; the database keeps so many
_MISSING = re.compile(r"missing required field `(\w+)`")
R = TypeVar("R", bound=Struct)
Natural = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


class _Base(Struct, frozen=True, rename="camel", gc=False):
    pass


class RawPart(_Base, frozen=True):
    id: Text
    type: Text
    class_: AxieClass = msgspec.field(name="class")
    stage: Annotated[int, Meta(ge=1, le=9)] | UnsetType = UNSET
    special_genes: str | UnsetType | None = UNSET


class RawStats(_Base, frozen=True):
    hp: Natural
    speed: Natural
    skill: Natural
    morale: Natural


class RawLevel(_Base, frozen=True):
    level: Natural | None = None


class RawBattle(_Base, frozen=True):
    banned: bool = False
    level: Natural | None = None


class RawAxie(_Base, frozen=True):
    id: Natural
    stage: int
    class_: AxieClass | None = msgspec.field(name="class")
    breed_count: Annotated[int, Meta(ge=0, le=7)]
    parts: list[RawPart]
    owner: str | None = None
    title: str | None = None
    new_genes: str | None = None
    birth_date: Natural | None = None
    purity: Annotated[int, Meta(ge=0, le=100)] | None = None
    image: str | None = None
    stats: RawStats | None = None
    axp_info: RawLevel | None = None
    battle_info: RawBattle | None = None


class RawOrder(_Base, frozen=True):
    hash: Annotated[str, Meta(min_length=1, max_length=LONGEST_HASH)]
    status: OrderStatus
    kind: str
    payment_token: str
    base_price: Decimal
    ended_price: Decimal
    started_at: int
    ended_at: int
    maker: str | None = None
    expired_at: int | None = None
    market_fee_percentage: Annotated[int, Meta(ge=0, lt=10_000)] = FEE_BPS


class RawListed(RawAxie, frozen=True):
    order: RawOrder | None = None


class RawTransfer(Struct, frozen=True, rename="camel"):
    from_: str = msgspec.field(name="from")
    to: str
    timestamp: int
    tx_hash: Text
    with_price: Decimal


class RawTransfers(_Base, frozen=True):
    results: list[RawTransfer]


class RawSettled(RawAxie, frozen=True, kw_only=True):
    transfer_history: RawTransfers


class RawDetails(_Base, frozen=True):
    maker: str | None = None
    matcher: str | None = None
    settle_price: Decimal | None = None
    order_kind: int | None = None


class RawActivity(_Base, frozen=True):
    id: int | str
    created_at: int
    activity_details: RawDetails | None
    token: Raw
    tx_hash: str | None = None


class RawStatus(_Base, frozen=True):
    status: OrderStatus


class RawRows(_Base, frozen=True):
    results: list[Raw]
    total: int | None = None


class RawAxiesPage(_Base, frozen=True):
    axies: RawRows


class RawSettledPage(_Base, frozen=True):
    settled_auctions: RawAxiesPage


class RawActivities(_Base, frozen=True):
    token_activities: list[Raw]


class RawCurrency(_Base, frozen=True):
    usd: float


class RawExchange(_Base, frozen=True):
    eth: RawCurrency
    usdc: RawCurrency
    axs: Raw = Raw()
    ron: Raw = Raw()
    slp: Raw = Raw()


class RawRates(_Base, frozen=True):
    exchange_rate: RawExchange


class RawNamedOrder(_Base, frozen=True):
    hash: str | None = None


class RawNamedToken(_Base, frozen=True):
    id: int | None = None


class RawNamed(_Base, frozen=True):
    """What identifies a row that could not be read: an axie's own, or an activity's with its token."""

    id: int | None = None
    order: RawNamedOrder | None = None
    token: RawNamedToken | UnsetType | None = UNSET


class RawType(_Base, frozen=True):
    name: str
    type_fields: list[RawNamedField] | None = msgspec.field(name="fields", default=None)


class RawNamedField(_Base, frozen=True):
    name: str


class RawTypes(_Base, frozen=True):
    types: list[RawType]


class RawSchema(_Base, frozen=True):
    """The answer to an introspection."""

    schema: RawTypes = msgspec.field(name="__schema")


class Fault(Struct, frozen=True):
    """One entry of an answer's `errors`."""

    message: str = ""
    path: list[str | int] | None = None


class Envelope(Struct, frozen=True):
    """An answer before its data is looked at. `message` is how the gateway itself speaks."""

    data: Raw = Raw()
    errors: list[Fault] | None = None

    @property
    def empty(self) -> bool:
        """Whether there is no data, or null."""
        return is_null(self.data)


def is_null(raw: Raw) -> bool:
    """Whether raw JSON is null or nothing at all."""
    return bytes(memoryview(raw)[:5]) in (b"", b"null")


class Unusable(Exception):
    """A row that cannot be used; `field` is the path to what is wrong with it."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


class Reader(Generic[R]):
    """Decodes rows of one type, leaving out optional values that do not fit."""

    _loose = msgspec.json.Decoder(float_hook=Decimal)

    def __init__(self, row: type[R]) -> None:
        self._type = row
        self._decoder = msgspec.json.Decoder(row, strict=False)
        self._optional = _optional(row) - {"order"}
        if row is RawListed:
            self._optional |= {f"order.{name}" for name in _optional(RawOrder)}

    def read(self, raw: Raw, unread: list[str]) -> R:
        """The row, noting in `unread` what was left out. Raises Unusable."""
        try:
            return self._decoder.decode(raw)
        except msgspec.ValidationError as error:
            return self._without(raw, error, unread)
        except (msgspec.DecodeError, RecursionError):
            raise Unusable("not JSON", "") from None

    def _without(self, raw: Raw, error: msgspec.ValidationError, unread: list[str]) -> R:
        value = self._loose.decode(raw)
        while True:
            reason, path = _explain(error)
            if needless := _NEEDLESS_OF_PARTS.fullmatch(path):
                leaf = needless[1]
                for part in value["parts"]:
                    _drop_misfit(part, leaf)
                unread.append(f"parts.{leaf}")
                try:
                    return msgspec.convert(value, self._type, strict=False)
                except msgspec.ValidationError as next_error:
                    error = next_error
                    continue
            name = next((n for n in self._optional if path == n or path.startswith(f"{n}.")), None)
            if name is None:
                raise Unusable(reason, path) from None
            parent, _, leaf = name.rpartition(".")
            (value[parent] if parent else value).pop(leaf)
            unread.append(name)
            try:
                return msgspec.convert(value, self._type, strict=False)
            except msgspec.ValidationError as next_error:
                error = next_error


def _optional(row: type[Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(row) if not field.required}


_NEEDLESS_OF_PARTS = re.compile(r"parts\[\d+\]\.(stage|specialGenes)")


def _drop_misfit(part: object, leaf: str) -> None:
    """Leave out of a part what it does not need; the genes tell it too."""
    if not isinstance(part, dict):
        return
    try:
        msgspec.convert(part, RawPart, strict=False)
    except msgspec.ValidationError:
        part.pop(leaf, None)


def _explain(error: msgspec.ValidationError) -> tuple[str, str]:
    """A reason from a small set, and the path to the field, from msgspec's message."""
    what, _, path = str(error).partition(" - at `")
    path = path.removesuffix("`").removeprefix("$").removeprefix(".")
    if match := _MISSING.search(what):
        return "missing field", f"{path}.{match[1]}".removeprefix(".")
    if what.startswith("Invalid enum value"):
        return "unknown value", path
    if "=" in what or " < " in what or " > " in what or "length" in what or "out of range" in what:
        return "out of range", path
    return "wrong type", path
