"""Past sales that are like an axie, as the market's state remembers them: what a plot of its price shows."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.appraisal.state import LIKENESS, MarketState, keys
from pipeline.appraisal.subject import from_axie
from pipeline.market.values import Axie
from pipeline.signal import Comparable

ENOUGH = 12  # so many of a closer likeness, and none of a farther one is shown


def like_sales(state: MarketState, axie: Axie, at: datetime) -> list[Comparable]:
    """Each sale once under its closest likeness, closest first, until there are enough."""
    subject = from_axie(axie)
    found, now = keys(subject), at.timestamp()
    sales: dict[tuple[int, float], Comparable] = {}
    for kind, likeness in LIKENESS.items():
        if kind not in found or len(sales) >= ENOUGH:
            continue
        for sold_at, _, axie_id, price in reversed(state.look(found[kind], now).recent):
            label = "this very axie" if axie_id == axie.id else likeness
            sale = Comparable(axie_id, price, datetime.fromtimestamp(sold_at, UTC), label)
            sales.setdefault((axie_id, sold_at), sale)
    return list(sales.values())
