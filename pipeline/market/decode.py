"""From the marketplace's JSON to domain values, row by row. Nothing past this file and `rows` sees raw JSON.

A row that cannot be used is set aside with its reason and never stops its page; an answer whose frame is
not what was asked for raises MalformedAnswer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw

from pipeline.market import _raw as raw
from pipeline.market._raw import Unusable
from pipeline.market.errors import MalformedAnswer
from pipeline.market.pages import EXCERPT, AxieDetail, Page, Rejected
from pipeline.market.rows import OFFER_KIND, amount_of, axie_of, listing_of, time_of
from pipeline.market.values import Listing, Rates, Resolution, Sale, Token

MOST_ROWS = 1_000
"""Ten times what is ever asked for: more is no page, and reading it would stop all else for seconds."""
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
        axie = axie_of(found)
        if found.order is None:
            pending.append(axie.id)
            return None
        return listing_of(axie, found.order, seen.at)

    return _page(rows.results, read, rows.total, seen, pending)


def details(data: Raw, ids: Mapping[str, int], seen: Seen) -> tuple[dict[int, AxieDetail], Page[AxieDetail]]:
    """Axies by id from a batch of aliases (`ids`: alias to id), and the page for its rejected rows.

    Unknown axies are absent. A bad order does not cost its axie: it is rejected alone.
    """
    rejected: list[Rejected] = []

    def read(row: Raw, unread: list[str]) -> AxieDetail:
        try:
            found = _LISTED.read(row, unread)
            axie = axie_of(found)
            return AxieDetail(axie, listing_of(axie, found.order, seen.at) if found.order else None)
        except Unusable as error:
            if not error.field.startswith("order"):
                raise
            rejected.append(_rejected(row, error))
            return AxieDetail(axie_of(_AXIE.read(row, unread)), None)

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
        sold_at = time_of(found.created_at, "createdAt", seen.at)
        if (sale := found.activity_details) is None or sale.maker is None or sale.settle_price is None:
            raise Unusable("no sale details", "activityDetails")
        axie = axie_of(_AXIE.read(found.token, unread))
        # A Sell order's maker sells; an Offer's maker buys.
        seller, buyer = sale.maker, sale.matcher or ""
        if sale.order_kind == OFFER_KIND:
            seller, buyer = buyer, seller
        return Sale(
            id=f"{found.tx_hash}:{axie.id}" if found.tx_hash else f"activity:{found.id}",
            axie=axie,
            sold_at=sold_at,
            amount=amount_of(sale.settle_price, "activityDetails.settlePrice"),
            seller=seller.lower(),
            buyer=buyer.lower(),
        )

    return _page(_frame(data, raw.RawActivities).token_activities, read, None, seen, ())


def settled(data: Raw, seen: Seen) -> Page[Sale]:
    """A page of `settledAuctions`: each axie's newest transfer that had a price."""

    def read(row: Raw, unread: list[str]) -> Sale:
        found = _SETTLED.read(row, unread)
        axie = axie_of(found)
        transfer = next((t for t in found.transfer_history.results if t.with_price > 0), None)
        if transfer is None:
            raise Unusable("no sale details", "transferHistory")
        return Sale(
            id=f"{transfer.tx_hash}:{axie.id}",
            axie=axie,
            sold_at=time_of(transfer.timestamp, "transferHistory.timestamp", seen.at),
            amount=amount_of(transfer.with_price, "transferHistory.withPrice"),
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
