"""From the marketplace's JSON to domain values, row by row. Nothing past this file handles raw JSON.

A row that cannot be used is set aside with its reason and never stops its page; an answer whose frame is
not what was asked for raises MalformedAnswer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw

from pipeline.market import _raw as raw
from pipeline.market import genes
from pipeline.market._raw import Unusable
from pipeline.market.errors import GeneError, MalformedAnswer
from pipeline.market.pages import EXCERPT, AxieDetail, Page, Rejected
from pipeline.market.queries import ADULT
from pipeline.market.values import Axie, Listing, Part, Rates, Resolution, Sale, Slot, Stats, Token

MOST = 10**30
"""No price in any token's smallest unit comes near this."""
MOST_ROWS = 1_000
"""Ten times what is ever asked for: more is no page, and reading it would stop all else for seconds."""
EARLIEST = datetime(2018, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=366)
EXPIRY_AHEAD = timedelta(days=20 * 366)
OFFER_KIND = 0
SLOTS = {slot.value.capitalize(): slot for slot in Slot}

T = TypeVar("T")
Frame = TypeVar("Frame")
_LISTED, _AXIE = raw.Reader(raw.RawListed), raw.Reader(raw.RawAxie)
_SETTLED, _ACTIVITY = raw.Reader(raw.RawSettled), raw.Reader(raw.RawActivity)
_NULL = Raw()
_NAMED = msgspec.json.Decoder(raw.RawNamed, strict=False)


class Seen(msgspec.Struct, frozen=True):
    """When an answer had arrived: time.perf_counter and market time."""

    received: float
    at: datetime


def listings(data: Raw, seen: Seen) -> Page[Listing]:
    """A page of `axies`: its sell orders, and as pending the axies whose order is still null."""
    rows = _frame(data, raw.RawAxiesPage).axies
    pending: list[int] = []

    def read(row: Raw, unread: list[str]) -> Listing | None:
        found = _LISTED.read(row, unread)
        axie = _axie(found)
        if found.order is None:
            pending.append(axie.id)
            return None
        return _listing(axie, found.order, seen.at)

    return _page(rows.results, read, rows.total, seen, pending)


def details(data: Raw, ids: Mapping[str, int], seen: Seen) -> tuple[dict[int, AxieDetail], Page[AxieDetail]]:
    """Axies by id from a batch of aliases (`ids`: alias to id), and the page for its rejected rows.

    Unknown axies are absent. A bad order does not cost its axie: it is rejected alone.
    """
    rejected: list[Rejected] = []

    def read(row: Raw, unread: list[str]) -> AxieDetail:
        try:
            found = _LISTED.read(row, unread)
            axie = _axie(found)
            return AxieDetail(axie, _listing(axie, found.order, seen.at) if found.order else None)
        except Unusable as error:
            if not error.field.startswith("order"):
                raise
            rejected.append(_rejected(row, error))
            return AxieDetail(_axie(_AXIE.read(row, unread)), None)

    answers = _frame(data, dict[str, Raw])
    rows = [answers[alias] for alias in ids if not raw.is_null(answers.get(alias, _NULL))]
    page = _page(rows, read, None, seen, (), rejected)
    return {detail.axie.id: detail for detail in page.rows}, page


def resolutions(
    data: Raw, hashes: Mapping[str, str], seen: Seen
) -> tuple[dict[str, Resolution], tuple[Rejected, ...]]:
    """What orders turned out to be (`hashes`: alias to hash). Unknown orders are absent."""
    answers = _frame(data, dict[str, Raw])
    found: dict[str, Resolution] = {}
    rejected: list[Rejected] = []
    for alias, hash_ in hashes.items():
        row = answers.get(alias, _NULL)
        if raw.is_null(row):
            continue
        try:
            found[hash_] = Resolution(hash_, msgspec.json.decode(row, type=raw.RawStatus).status, seen.at)
        except msgspec.DecodeError:
            rejected.append(Rejected("unknown value", "status", None, _excerpt(row), hash_))
    return found, tuple(rejected)


def activities(data: Raw, seen: Seen) -> Page[Sale]:
    """A page of `tokenActivities` of the kind Sale."""

    def read(row: Raw, unread: list[str]) -> Sale:
        found = _ACTIVITY.read(row, unread)
        sold_at = _time(found.created_at, "createdAt", seen.at)
        if (sale := found.activity_details) is None or sale.maker is None or sale.settle_price is None:
            raise Unusable("no sale details", "activityDetails")
        axie = _axie(_AXIE.read(found.token, unread))
        # A Sell order's maker sells; an Offer's maker buys.
        seller, buyer = sale.maker, sale.matcher or ""
        if sale.order_kind == OFFER_KIND:
            seller, buyer = buyer, seller
        return Sale(
            id=f"{found.tx_hash}:{axie.id}" if found.tx_hash else f"activity:{found.id}",
            axie=axie,
            sold_at=sold_at,
            amount=_amount(sale.settle_price, "activityDetails.settlePrice"),
            seller=seller.lower(),
            buyer=buyer.lower(),
        )

    return _page(_frame(data, raw.RawActivities).token_activities, read, None, seen, ())


def settled(data: Raw, seen: Seen) -> Page[Sale]:
    """A page of `settledAuctions`: each axie's newest transfer that had a price."""

    def read(row: Raw, unread: list[str]) -> Sale:
        found = _SETTLED.read(row, unread)
        axie = _axie(found)
        transfer = next((t for t in found.transfer_history.results if t.with_price > 0), None)
        if transfer is None:
            raise Unusable("no sale details", "transferHistory")
        return Sale(
            id=f"{transfer.tx_hash}:{axie.id}",
            axie=axie,
            sold_at=_time(transfer.timestamp, "transferHistory.timestamp", seen.at),
            amount=_amount(transfer.with_price, "transferHistory.withPrice"),
            seller=transfer.from_.lower(),
            buyer=transfer.to.lower(),
        )

    rows = _frame(data, raw.RawSettledPage).settled_auctions.axies
    return _page(rows.results, read, rows.total, seen, ())


def rates(data: Raw, seen: Seen) -> Rates:
    """Dollars for each token. ETH and USDC are always there, the others where the marketplace tells them."""
    found = _frame(data, raw.RawRates).exchange_rate
    told = {
        Token.WETH: found.eth,
        Token.USDC: found.usdc,
        Token.AXS: _currency(found.axs),
        Token.WRON: _currency(found.ron),
        Token.SLP: _currency(found.slp),
    }
    usd = {token: rate.usd for token, rate in told.items() if rate and isfinite(rate.usd) and rate.usd > 0}
    if Token.WETH not in usd or Token.USDC not in usd:
        raise MalformedAnswer("the marketplace's exchange rates make no sense: ETH or USDC is not above zero")
    return Rates(at=seen.at, usd=usd)


def _currency(found: Raw) -> raw.RawCurrency | None:
    """One that may be missing: what makes no sense of it must not cost the others."""
    try:
        return msgspec.json.decode(found, type=raw.RawCurrency | None, strict=False)
    except msgspec.DecodeError:
        return None


def schema(data: Raw) -> dict[str, frozenset[str]]:
    """The names of the fields of every type, from an introspection."""
    types = _frame(data, raw.RawSchema).schema.types
    return {type_.name: frozenset(field.name for field in type_.type_fields or ()) for type_ in types}


def _frame(data: Raw, shape: type[Frame]) -> Frame:
    try:
        return msgspec.json.decode(data, type=shape, strict=False)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedAnswer(
            f"the marketplace's answer does not have the shape that was asked for: {error}"
        ) from None


def _page(
    rows: Sequence[Raw],
    read: Callable[[Raw, list[str]], T | None],
    total: int | None,
    seen: Seen,
    pending: Sequence[int],
    rejected: Iterable[Rejected] = (),
) -> Page[T]:
    if len(rows) > MOST_ROWS:
        raise MalformedAnswer(f"the marketplace sent a page of {len(rows)} rows, which nobody asked for")
    good: list[T] = []
    bad: list[Rejected] = []
    unread: list[str] = []
    for row in rows:
        try:
            if (value := read(row, unread)) is not None:
                good.append(value)
        except Unusable as error:
            bad.append(_rejected(row, error))
    return Page(
        rows=tuple(good),
        rejected=(*bad, *rejected),
        total=total,
        pending=tuple(pending),
        seen=len(rows),
        received=seen.received,
        at=seen.at,
        unread=tuple(unread),
    )


def _axie(row: raw.RawAxie) -> Axie:
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


def _listing(axie: Axie, order: raw.RawOrder, at: datetime) -> Listing:
    if order.kind != "Sell":
        raise Unusable("not a sell order", "order.kind")
    if (token := Token.from_address(order.payment_token)) is None:
        raise Unusable("unknown payment token", "order.paymentToken")
    started_at = _time(order.started_at, "order.startedAt", at)
    base = _amount(order.base_price, "order.basePrice")
    ended_at, ended = None, base
    if order.ended_at:
        ended_at = _time(order.ended_at, "order.endedAt", at, EXPIRY_AHEAD)
        ended = _amount(order.ended_price, "order.endedPrice")
    return Listing(
        hash=order.hash,
        axie=axie,
        seller=(order.maker or axie.owner or "").lower(),
        token=token,
        base=base,
        ended=ended,
        started_at=started_at,
        ended_at=ended_at,
        expires_at=_time(order.expired_at, "order.expiredAt", at, EXPIRY_AHEAD) if order.expired_at else None,
        fee_bps=order.market_fee_percentage,
        status=order.status,
        seen_at=at,
    )


def _amount(value: Decimal, field: str) -> int:
    # Compared before it is made an integer: "1e+999999999" is short to write and long to hold.
    if not value.is_finite() or value <= 0:
        raise Unusable("price not above zero", field)
    if value > MOST:
        raise Unusable("absurd price", field)
    if value != value.to_integral_value():
        raise Unusable("price not whole", field)
    return int(value)


def _time(seconds: int, field: str, at: datetime, ahead: timedelta = AHEAD) -> datetime:
    if seconds == 0:
        raise Unusable("timestamp 0", field)
    try:
        time = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unusable("time out of range", field) from None
    if not EARLIEST <= time <= at + ahead:
        raise Unusable("time out of range", field)
    return time


def _rejected(row: Raw, error: Unusable) -> Rejected:
    try:
        named = _NAMED.decode(row)
    except (msgspec.DecodeError, RecursionError):
        named = raw.RawNamed()
    hash_ = named.order.hash if named.order else None
    id_ = named.id if named.token is UNSET else named.token.id if named.token else None
    return Rejected(error.reason, error.field, id_, _excerpt(row), hash_)


def _excerpt(row: Raw) -> str:
    return bytes(row)[: 4 * EXCERPT].decode(errors="replace")[:EXCERPT]
