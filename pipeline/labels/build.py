"""Puts a sales table together from raw records: clean, find each sale's listing, tell its token, tabulate."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from msgspec import Struct, field

from pipeline.datasets import Damaged, read_records
from pipeline.labels import tokens
from pipeline.labels.orders import CLOCKS, Known, known_orders, listings_sold
from pipeline.labels.suspects import without_suspects
from pipeline.market.traits import collection
from pipeline.market.values import Axie, Listing, OrderStatus, Price, Rates, Resolution, Sale, Slot
from pipeline.objects import ObjectStore
from pipeline.sales import conform, empty_sales

# A listing stays open for half a year at most; one seen longer before a sale than this is rarely its.
LISTED_BEFORE = timedelta(days=30)
AROUND = timedelta(days=30)  # of a span's sales, what else is read to tell who trades back and forth
WITHIN = timedelta(hours=12)  # how exactly the time of a sale that only its order tells must be known


class LabelResult(Struct):
    """A sales table (`pipeline.sales`), what was left out by reason, and files that could not be read."""

    table: pd.DataFrame
    excluded: Counter[str] = field(default_factory=Counter)
    damaged: list[Damaged] = field(default_factory=list)


class _Label(Struct):
    """A sale whose price is known. `axie` is as it was when listed, if it was seen listed."""

    axie: Axie
    sold_at: datetime
    price: Price
    rates: Rates
    listed_at: datetime | None = None


def build_sales(
    store: ObjectStore,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    around: timedelta = timedelta(),
) -> LabelResult:
    """The sales table of what was collected, sorted by time. Raises StoreError.

    Only sales from `since` on and before `until` are in it. Those `around` them are read too, as an axie's
    other sales may tell that one says nothing of a price.
    """
    damaged: list[Damaged] = []
    rates = sorted(read_records(store, "rates", Rates, damaged=damaged), key=lambda held: held.at)
    before, after = since and since - LISTED_BEFORE, until and until + LISTED_BEFORE
    known = read_records(store, "listings", Listing, before, damaged, until and until + CLOCKS)
    listings = {row.hash: row for row in known}
    orders = known_orders(read_records(store, "resolutions", Resolution, before, damaged, after))
    read = read_records(store, "sales", Sale, since and since - around, damaged, until and until + around)
    sales = sorted(read, key=lambda sale: (sale.sold_at, sale.id))

    def wanted(sold_at: datetime) -> bool:
        return (since is None or sold_at >= since) and (until is None or sold_at < until)

    excluded = Counter[str]()
    if not rates:
        excluded["no exchange rates"] = sum(wanted(sale.sold_at) for sale in sales)
        return LabelResult(empty_sales(), excluded, damaged)
    honest = without_suspects(sales, excluded, lambda sale: wanted(sale.sold_at))
    honest = [sale for sale in honest if wanted(sale.sold_at)]
    labels, untold = _matched(honest, listings.values(), orders, rates)
    labels += _inferred(untold, rates, excluded)
    labels += _unseen(listings.values(), orders, sales, rates, wanted)
    labels.sort(key=lambda label: (label.sold_at, label.axie.id))
    return LabelResult(tabulate(labels), +excluded, damaged)  # reasons that struck nothing are dropped


def _matched(
    sales: Sequence[Sale],
    listings: Iterable[Listing],
    orders: Mapping[str, Known],
    rates: Sequence[Rates],
) -> tuple[list[_Label], list[Sale]]:
    """Labels of the sales whose listing was seen, and the other sales."""
    labels: list[_Label] = []
    untold: list[Sale] = []
    for sale, listing in zip(sales, listings_sold(sales, listings, orders), strict=True):
        at = as_of(rates, sale.sold_at)
        if listing is not None and listing.token in at.usd:
            price = Price(sale.amount, listing.token)
            labels.append(_Label(listing.axie, sale.sold_at, price, at, listing.started_at))
        else:
            untold.append(sale)
    return labels, untold


def _inferred(sales: Sequence[Sale], rates: Sequence[Rates], excluded: Counter[str]) -> list[_Label]:
    held = [as_of(rates, sale.sold_at) for sale in sales]
    log_usd = tokens.dollars_by_token([sale.amount for sale in sales], held)
    groups = [(sale.axie.class_.value, collection(sale.axie)) for sale in sales]
    found = tokens.infer(log_usd, groups)
    excluded["ambiguous token"] += int(np.count_nonzero(found < 0))
    return [
        _Label(sale.axie, sale.sold_at, Price(sale.amount, tokens.TOKENS[index]), at)
        for sale, at, index in zip(sales, held, found.tolist(), strict=True)
        if index >= 0
    ]


def _unseen(
    listings: Iterable[Listing],
    orders: Mapping[str, Known],
    sales: Sequence[Sale],
    rates: Sequence[Rates],
    wanted: Callable[[datetime], bool],
) -> list[_Label]:
    """Sold listings that the feed missed: fixed prices whose time of sale is known well enough.

    `sales` are all that the feed told, suspects too, lest those come back this way. The others are
    dated when their outcome was learnt, so that nothing of them is known too early.
    """
    times: defaultdict[int, list[datetime]] = defaultdict(list)
    for sale in sales:
        times[sale.axie.id].append(sale.sold_at)
    labels: list[_Label] = []
    for listing in listings:
        known = orders.get(listing.hash)
        if known is None or known.final is None or known.final.status is not OrderStatus.MATCHED:
            continue
        at = known.final.at
        told = any(listing.started_at <= sold_at <= at for sold_at in times.get(listing.axie.id, ()))
        late = at - known.open_until(listing) > WITHIN or not wanted(at)
        held = as_of(rates, at)
        if listing.is_auction or told or late or listing.token not in held.usd:
            continue
        price = Price(listing.base, listing.token)
        labels.append(_Label(listing.axie, at, price, held, listing.started_at))
    return labels


def as_of(rates: Sequence[Rates], at: datetime) -> Rates:
    """The newest rates known at a moment, or the first ones after it if none were."""
    return rates[max(0, bisect_right(rates, at, key=lambda held: held.at) - 1)]


def tabulate(labels: Sequence[_Label]) -> pd.DataFrame:
    """The sales table of some labels, in their order."""
    axies = [label.axie for label in labels]
    stats = [axie.stats for axie in axies]
    columns: dict[str, Sequence[object]] = {
        "axie_id": [axie.id for axie in axies],
        "sold_at": [label.sold_at.astimezone(UTC) for label in labels],
        "price_usd": [label.price.usd(label.rates) for label in labels],
        "class": [axie.class_.value for axie in axies],
        "breed_count": [axie.breed_count for axie in axies],
        **{slot.value: [axie.parts[n].id for axie in axies] for n, slot in enumerate(Slot)},
        "pure_parts": [axie.pure_parts for axie in axies],
        "purity": [axie.purity for axie in axies],
        "level": [axie.level for axie in axies],
        "hp": [held and held.hp for held in stats],
        "speed": [held and held.speed for held in stats],
        "skill": [held and held.skill for held in stats],
        "morale": [held and held.morale for held in stats],
        "evolved_parts": [sum(part.stage > 1 for part in axie.parts) for axie in axies],
        "title": [axie.title for axie in axies],
        "special_genes": ["|".join(part.special or "" for part in axie.parts) for axie in axies],
        "genes": [axie.genes for axie in axies],
        "listed_at": [label.listed_at for label in labels],
        "payment_token": [label.price.token.value for label in labels],
        "price_raw": [str(label.price.amount) for label in labels],
    }
    table = pd.DataFrame(columns)
    for name in ("sold_at", "listed_at"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return conform(table)
