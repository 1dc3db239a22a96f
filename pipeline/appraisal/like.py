"""Past sales that are like an axie, as the market's state remembers them: what a plot of its price shows."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.appraisal.state import MarketState, Sold
from pipeline.appraisal.subject import from_axie
from pipeline.market.values import Axie
from pipeline.signal import Comparable

ENOUGH = 12  # so many of a closer likeness, and none of a farther one is shown


def like_sales(state: MarketState, axie: Axie) -> list[Comparable]:
    """Each sale once under its closest likeness, closest first, until there are enough."""
    (rows,) = state.look([from_axie(axie)], state.at).listed
    return [comparable(sold) for sold in state.comparables(axie.id, rows, ENOUGH)]


def comparable(sold: Sold) -> Comparable:
    """A remembered sale as predictions tell of it."""
    return Comparable(sold.axie_id, sold.price_usd, datetime.fromtimestamp(sold.at, UTC), sold.likeness)
