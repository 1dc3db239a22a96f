"""What was asked lately: listings seen soon after they began, with their asks in dollars.

Only young listings tell how asks lie around values: bargains among the older ones have been bought.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.datasets import read_records
from pipeline.labels.build import as_of
from pipeline.labels.outcomes import YOUNG
from pipeline.market.values import Axie, Listing, Rates
from pipeline.objects import ObjectStore

LATELY = timedelta(days=2)


def asked(store: ObjectStore, until: datetime) -> list[tuple[Axie, float]]:
    """Axies listed within two days of `until`, the end of the sales learnt from, each with its ask."""
    rates = sorted(read_records(store, "rates", Rates), key=lambda held: held.at)
    found: dict[str, tuple[Axie, float]] = {}
    for listing in read_records(store, "listings", Listing, until - LATELY):
        if listing.seen_at - listing.started_at > YOUNG or listing.axie.banned or listing.status.final:
            continue
        at = as_of(rates, listing.seen_at)
        if abs(listing.seen_at - until) <= LATELY and listing.token in at.usd:
            found.setdefault(listing.hash, (listing.axie, listing.ask(listing.seen_at).usd(at)))
    return list(found.values())
