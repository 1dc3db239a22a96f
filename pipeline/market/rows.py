"""One row of the marketplace's JSON as a domain value: an axie, a listing, an amount, a time.

Whatever cannot be used raises Unusable with its reason and the field that it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import UNSET

from pipeline.market import _raw as raw
from pipeline.market import genes
from pipeline.market._raw import Unusable
from pipeline.market.errors import GeneError
from pipeline.market.queries import ADULT
from pipeline.market.values import Axie, Listing, Part, Slot, Stats, Token

MOST = 10**30
"""No price in any token's smallest unit comes near this."""
EARLIEST = datetime(2018, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=366)
EXPIRY_AHEAD = timedelta(days=20 * 366)
OFFER_KIND = 0
SLOTS = {slot.value.capitalize(): slot for slot in Slot}


def axie_of(row: raw.RawAxie) -> Axie:
    """An adult axie; genes tell what the marketplace does not."""
    if row.class_ is None or row.stage < ADULT or len(row.parts) < len(SLOTS):
        raise Unusable("egg or not grown up", "stage")
    read = None
    if row.new_genes and (row.purity is None or any(part.special_genes is UNSET for part in row.parts)):
        try:
            read = genes.decode(row.new_genes)
        except GeneError:
            read = None
    battle, level = row.battle_info, row.axp_info.level if row.axp_info else None
    if level is None and battle is not None:
        level = battle.level
    purity = row.purity if row.purity is not None else genes.purity(read) if read else None
    return Axie(
        id=row.id,
        class_=row.class_,
        parts=_parts(row.parts, read),
        breed_count=row.breed_count,
        owner=row.owner.lower() if row.owner else None,
        level=max(level, 1) if level is not None else None,  # the market says 0 of an axie that never played
        purity=purity,
        stats=Stats(row.stats.hp, row.stats.speed, row.stats.skill, row.stats.morale) if row.stats else None,
        title=row.title or None,
        genes=row.new_genes or None,
        birth_date=row.birth_date,
        banned=battle is not None and battle.banned,
        image=row.image or None,
    )


def _parts(
    rows: Sequence[raw.RawPart], read: genes.Genes | None
) -> tuple[Part, Part, Part, Part, Part, Part]:
    """In slot order. What the marketplace does not tell of a part is taken from the genes, where known."""
    of_genes = {part.slot: part for part in read.parts} if read else {}
    parts: dict[Slot, Part] = {}
    for row in rows:
        slot = SLOTS.get(row.type)
        if slot is None:
            raise Unusable("unknown value", "parts.type")
        known = of_genes.get(slot)
        special = row.special_genes if row.special_genes is not UNSET else known.special if known else None
        stage = row.stage if row.stage is not UNSET else known.stage if known else 1
        parts[slot] = Part(row.id, slot, row.class_, stage, special or None)
    try:
        eyes, ears, mouth, horn, back, tail = (parts[slot] for slot in Slot)
    except KeyError:
        raise Unusable("missing part", "parts") from None
    return eyes, ears, mouth, horn, back, tail


def listing_of(axie: Axie, order: raw.RawOrder, at: datetime) -> Listing:
    """A sell order as it was seen at a moment."""
    if order.kind != "Sell":
        raise Unusable("not a sell order", "order.kind")
    if (token := Token.from_address(order.payment_token)) is None:
        raise Unusable("unknown payment token", "order.paymentToken")
    started_at = time_of(order.started_at, "order.startedAt", at)
    base = amount_of(order.base_price, "order.basePrice")
    ended_at, ended = None, base
    if order.ended_at:
        ended_at = time_of(order.ended_at, "order.endedAt", at, EXPIRY_AHEAD)
        ended = amount_of(order.ended_price, "order.endedPrice")
    expires_at = None
    if order.expired_at:
        expires_at = time_of(order.expired_at, "order.expiredAt", at, EXPIRY_AHEAD)
    return Listing(
        hash=order.hash,
        axie=axie,
        seller=(order.maker or axie.owner or "").lower(),
        token=token,
        base=base,
        ended=ended,
        started_at=started_at,
        ended_at=ended_at,
        expires_at=expires_at,
        fee_bps=order.market_fee_percentage,
        status=order.status,
        seen_at=at,
    )


def amount_of(value: Decimal, field: str) -> int:
    """An amount in the smallest unit of its token, above zero."""
    # Compared before it is made an integer: "1e+999999999" is short to write and long to hold.
    if not value.is_finite() or value <= 0:
        raise Unusable("price not above zero", field)
    if value > MOST:
        raise Unusable("absurd price", field)
    if value != value.to_integral_value():
        raise Unusable("price not whole", field)
    return int(value)


def time_of(seconds: int, field: str, at: datetime, ahead: timedelta = AHEAD) -> datetime:
    """A moment in seconds since 1970, at most so far ahead of another."""
    if seconds == 0:
        raise Unusable("timestamp 0", field)
    try:
        time = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unusable("time out of range", field) from None
    if not EARLIEST <= time <= at + ahead:
        raise Unusable("time out of range", field)
    return time
