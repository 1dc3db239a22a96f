"""What became of listings, sold or not: the censored history from which the time to a sale is learnt.

Every listing has a last moment at which it is known to have been for sale. It was sold at that moment or
later, or nothing more is known: an order withdrawn, expired or simply not asked about again says only
that nobody had bought it until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from pipeline.datasets import Damaged, read_records
from pipeline.labels.build import LISTED_BEFORE, as_of
from pipeline.labels.orders import Known, known_orders, listings_sold
from pipeline.labels.suspects import suspect_sales
from pipeline.market.values import Axie, Listing, OrderStatus, Rates, Resolution, Sale
from pipeline.objects import ObjectStore

DAY = timedelta(days=1)
YOUNG = timedelta(hours=8)  # bargains among the older ones have been bought before they could be seen


class ListingOutcome(Struct, frozen=True):
    """One listing and what became of it.

    `ask_usd` is its ask when seen, at the rates of then. `open_until` is the last moment at which it is
    known to have been for sale. Where it was sold, that was after `open_until` and no later than
    `sold_by`, exactly then where the two are equal; where it was not, `sold_by` is None, and the time to
    a sale is censored at `open_until`. `status` is the last one known.
    """

    hash: str
    axie: Axie
    seller: str
    ask_usd: float
    started_at: datetime
    seen_at: datetime
    is_auction: bool
    status: OrderStatus
    open_until: datetime
    sold_by: datetime | None = None

    @property
    def sold(self) -> bool:
        """Whether it was bought."""
        return self.sold_by is not None

    @property
    def exact(self) -> bool:
        """Whether the moment of the sale is known, rather than an interval that holds it."""
        return self.sold_by == self.open_until


def listing_outcomes(
    store: ObjectStore,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    youngest: timedelta | None = YOUNG,
    damaged: list[Damaged] | None = None,
) -> list[ListingOutcome]:
    """The outcomes of all listings seen from `since` on and before `until`, in order of `seen_at`.

    What became of them is read up to 30 days after `until`. Raises StoreError.

    Only those first seen within `youngest` of their start are given, as older ones are what buyers left
    over; with None all are, which is what stood in the book. Left out are banned axies, tokens without a
    rate, and sales that say nothing of the market (`pipeline.labels.suspects`). Files that cannot be read
    are added to `damaged`, or logged.
    """
    rates = sorted(read_records(store, "rates", Rates, damaged=damaged), key=lambda held: held.at)
    if not rates:
        return []
    after = until and until + LISTED_BEFORE
    orders = known_orders(read_records(store, "resolutions", Resolution, since, damaged, after))
    rows = list(read_records(store, "listings", Listing, since, damaged, until))
    listings = _first_seen(rows, orders)
    read = read_records(store, "sales", Sale, since, damaged, after)
    sales = sorted(read, key=lambda sale: (sale.sold_at, sale.id))
    suspects = suspect_sales(sales)
    sold: dict[str, Sale] = {}
    for sale, listing in zip(sales, listings_sold(sales, listings.values(), orders), strict=True):
        if listing is not None:
            sold.setdefault(listing.hash, sale)
    found = []
    for listing in listings.values():
        at = as_of(rates, listing.seen_at)
        told = sold.get(listing.hash)
        if listing.axie.banned or listing.token not in at.usd or (told and told.id in suspects):
            continue
        if youngest is None or listing.seen_at - listing.started_at <= youngest:
            ask = listing.ask(listing.seen_at).usd(at)
            found.append(_outcome(listing, ask, orders[listing.hash], told))
    found.sort(key=lambda outcome: (outcome.seen_at, outcome.hash))
    return found


def due(outcomes: Iterable[ListingOutcome], now: datetime) -> pd.DataFrame:
    """The listings seen more than a day ago, and in `resolved` whether anything was heard of them since."""
    rows = [
        outcome.sold or outcome.status.final or outcome.open_until > outcome.seen_at
        for outcome in outcomes
        if now - outcome.seen_at > DAY
    ]
    return pd.DataFrame({"resolved": pd.Series(rows, dtype=bool)})


def _first_seen(rows: Sequence[Listing], orders: dict[str, Known]) -> dict[str, Listing]:
    """Each listing as it was first seen; that it was seen again says that it was still open."""
    first: dict[str, Listing] = {}
    for row in sorted(rows, key=lambda row: row.seen_at):
        if row.status.final:
            continue
        if row.hash in first:
            known = orders[row.hash]
            known.last_open = max(known.last_open or row.seen_at, row.seen_at)
        else:
            first[row.hash] = row
    return first


def _outcome(listing: Listing, ask_usd: float, known: Known, sale: Sale | None) -> ListingOutcome:
    outcome = ListingOutcome(
        hash=listing.hash,
        axie=listing.axie,
        seller=listing.seller,
        ask_usd=ask_usd,
        started_at=listing.started_at,
        seen_at=listing.seen_at,
        is_auction=listing.is_auction,
        status=known.final.status if known.final else OrderStatus.OPEN,
        open_until=known.open_until(listing),
    )
    if sale is not None:
        return replace(outcome, status=OrderStatus.MATCHED, open_until=sale.sold_at, sold_by=sale.sold_at)
    if known.final is None:
        return outcome
    if known.final.status is OrderStatus.MATCHED:
        return replace(outcome, sold_by=max(known.final.at, outcome.open_until))
    if known.final.status is OrderStatus.EXPIRED and listing.expires_at is not None:
        # It stood to its very end, whenever that was learnt.
        end = min(listing.expires_at, known.final.at)
        return replace(outcome, open_until=max(outcome.open_until, end))
    return outcome
