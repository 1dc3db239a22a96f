"""When a falling price is worth another look: a Dutch auction's course is known, and so is its appraisal.

The moment is where the price reaches what would pay, by the forecast as it is. A fallen ask changes the
forecast too, towards less, so that moment may come too early and never much too late; whoever looks then
finds out, and asks here again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.market.values import Listing
from pipeline.signal import Prediction

STEP = 0.01  # of the price: how far it may fall unseen once a resale would pay, whatever watches want
LONGEST = timedelta(hours=6)  # the market and the model move too


def falls_to(listing: Listing, amount: int) -> datetime | None:
    """The first second at which a falling price is no more than an amount; None where it stays above.

    The exact inverse of `Listing.ask`.
    """
    if listing.base <= amount:
        return listing.started_at
    if listing.ended_at is None or listing.ended > amount:
        return None
    duration = int((listing.ended_at - listing.started_at).total_seconds())
    elapsed = (listing.base - amount - 1) * duration // (listing.base - listing.ended) + 1
    return listing.started_at + timedelta(seconds=elapsed)


def look_again(
    listing: Listing, prediction: Prediction | None, wanted_usd: float | None, at: datetime
) -> datetime | None:
    """When to weigh a listing that was weighed at a moment once more; None where its price falls no further.

    `wanted_usd` is the next lower ask, in dollars, that somebody waits for. That, or what would pay at all,
    whichever is reached first. A listing that could not be priced is tried again.
    """
    if listing.ended_at is None or listing.ended >= listing.base or at >= listing.ended_at:
        return None
    if listing.status.final or listing.axie.banned:
        return None
    latest = min(at + LONGEST, listing.ended_at)
    if prediction is None or prediction.ask_usd <= 0:
        return latest
    worth = prediction.ask_usd + prediction.net_usd
    paying = worth if worth < prediction.ask_usd else prediction.ask_usd * (1 - STEP)
    share = max(paying, wanted_usd or 0.0) / prediction.ask_usd
    now = listing.ask(at).amount
    moment = falls_to(listing, min(int(now * share), now - 1))
    return latest if moment is None else min(moment, latest)
