"""What thresholds and filters would have brought lately: the rule itself, over recorded predictions.

The last seven days are read newest first through an index of what might have paid at all, and at most so
many of them: a rule that lets everything through is judged by a shorter time instead of a longer wait.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from sqlalchemy import Select, func, select, text

from bot.db import Database
from bot.db.tables import ListingRow, OutcomeRow, PredictionRow
from pipeline.clock import Clock
from pipeline.market.traits import RANK
from pipeline.market.values import Listing
from pipeline.signal import Filters, Prediction, Thresholds, refusal

SPAN = timedelta(days=7)
MOST = 2_000  # predictions that are read


class Preview(Struct, frozen=True):
    """Signals within the last `days`; `sold` of them found a buyer and earned so much on paper."""

    days: float
    signals: int
    promised_usd: float
    sold: int
    earned_usd: float


class Previews:
    """Counts what would have been signalled."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def of(self, thresholds: Thresholds, filters: Filters) -> Preview | None:
        """What these would have brought; None where nothing was recorded in the time."""
        now = self._clock.now()
        since = now - SPAN
        async with self._db.reading() as session:
            earliest = await session.scalar(
                select(func.min(PredictionRow.at)).where(PredictionRow.at >= since)
            )
            if earliest is None:
                return None
            rows = (await session.execute(candidates(thresholds, filters, since))).all()
        if len(rows) == MOST:
            earliest = rows[-1][0]
        signals = [
            (prediction, net_usd)
            for at, listing, body, net_usd in rows
            if (prediction := _signal(thresholds, filters, at, listing, body)) is not None
        ]
        earned = [net_usd for _, net_usd in signals if net_usd is not None]
        days = max((now - earliest).total_seconds(), 1.0) / 86_400
        return Preview(
            days, len(signals), sum(each.net_usd for each, _ in signals), len(earned), float(sum(earned))
        )


def candidates(
    thresholds: Thresholds, filters: Filters, since: datetime
) -> Select[datetime, str, str, float | None]:
    """The predictions that reach the thresholds, newest first, with what became of their listings."""
    rows = (
        select(PredictionRow.at, ListingRow.body, PredictionRow.body, OutcomeRow.net_usd)
        .join(ListingRow, ListingRow.hash == PredictionRow.listing_hash)
        .join(OutcomeRow, OutcomeRow.listing_hash == PredictionRow.listing_hash, isouter=True)
        .where(
            PredictionRow.at >= since,
            text("predictions.net_usd >= 0"),  # written out: it is what tells that the index holds all
            PredictionRow.net_usd >= thresholds.min_net_usd,
            PredictionRow.return_ >= thresholds.min_return,
            PredictionRow.probability >= thresholds.min_probability,
        )
        .order_by(PredictionRow.at.desc())
        .limit(MOST)
    )
    if filters.classes:
        rows = rows.where(PredictionRow.class_.in_(filters.classes))
    if filters.collections:
        # Stored is the dearest of an axie's collections; what is wanted may be another of them.
        cheapest = max(RANK[kind] for kind in filters.collections)
        may_be = [kind for kind, rank in RANK.items() if rank <= cheapest]
        rows = rows.where(PredictionRow.collection.in_(may_be))
    return rows


def _signal(
    thresholds: Thresholds, filters: Filters, at: datetime, listing: str, prediction: str
) -> Prediction | None:
    seen = msgspec.json.decode(listing, type=Listing)
    priced = msgspec.json.decode(prediction, type=Prediction)
    return priced if refusal(thresholds, filters, seen, priced, at) is None else None
