"""What is known of each order: its last sight while open, its end, and which sale of the feed was its.

The feed names no order, so that a sale is tied to a listing by axie, seller and amount; resolutions name
the order but date its end only to the moment of asking. Together they say more than either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from pipeline.market.values import Listing, OrderStatus, Resolution, Sale

AUCTION_TOLERANCE = 0.02  # the price moves between the block's time and the time that the feed tells
CLOCKS = timedelta(minutes=2)  # how far the feed's times and ours may differ


class Known(Struct):
    """One order: the last time it was seen open, and its first final resolution."""

    last_open: datetime | None = None
    final: Resolution | None = None

    def open_until(self, listing: Listing) -> datetime:
        """The last moment at which the order is known to have been open, no final outcome considered."""
        return max(listing.seen_at, self.last_open or listing.seen_at)

    def may_be_sold_at(self, at: datetime) -> bool:
        """Whether a sale at a moment does not contradict what is known."""
        if self.final is not None and self.final.status is not OrderStatus.MATCHED:
            return False
        return self.last_open is None or self.last_open <= at + CLOCKS


def known_orders(resolutions: Iterable[Resolution]) -> defaultdict[str, Known]:
    """What resolutions say, by hash; of an order that none speaks of, nothing is known."""
    found: defaultdict[str, Known] = defaultdict(Known)
    for resolution in resolutions:
        known = found[resolution.hash]
        if not resolution.status.final:
            known.last_open = max(known.last_open or resolution.at, resolution.at)
        elif known.final is None or resolution.at < known.final.at:
            known.final = resolution
    return found


def listings_sold(
    sales: Sequence[Sale], listings: Iterable[Listing], orders: Mapping[str, Known]
) -> list[Listing | None]:
    """For each sale the listing that it bought, or None where none of those seen can be it.

    A listing is the one that was sold where axie and seller agree and the amount is what it asked for at
    that moment, which no other token could make so; of several, the one listed last.
    """
    by_axie: defaultdict[int, list[Listing]] = defaultdict(list)
    for listing in listings:
        by_axie[listing.axie.id].append(listing)
    nothing = Known()
    return [
        max(
            (
                listing
                for listing in by_axie.get(sale.axie.id, ())
                if _fits(listing, sale) and orders.get(listing.hash, nothing).may_be_sold_at(sale.sold_at)
            ),
            key=lambda listing: listing.started_at,
            default=None,
        )
        for sale in sales
    ]


def _fits(listing: Listing, sale: Sale) -> bool:
    if listing.seller.lower() != sale.seller.lower():
        return False
    if listing.started_at > sale.sold_at or listing.seen_at > sale.sold_at + CLOCKS:
        return False
    ask = listing.ask(sale.sold_at).amount
    return abs(ask - sale.amount) <= (AUCTION_TOLERANCE * ask if listing.is_auction else 0)
