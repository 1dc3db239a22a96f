"""What the database holds of listings, read as it lies there."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from sqlalchemy import exists, select

from bot.db import Database
from bot.db.tables import AlertRow, ListingRow, PredictionRow
from pipeline.market.values import Listing, OrderStatus
from pipeline.signal import Prediction


class Stored(NamedTuple):
    """A listing with its prediction, its last known status, and whether anybody has an alert of it."""

    listing: Listing
    prediction: Prediction | None
    status: OrderStatus
    signalled: bool


async def stored(db: Database) -> list[Stored]:
    """All listings, the newest first."""
    signalled = exists().where(AlertRow.listing_hash == ListingRow.hash)
    rows = (
        select(ListingRow.body, PredictionRow.body, ListingRow.status, signalled)
        .join(PredictionRow, isouter=True)
        .order_by(ListingRow.seen_at.desc(), ListingRow.hash)
    )
    async with db.reading() as session:
        return [
            Stored(
                msgspec.json.decode(listing, type=Listing),
                None if prediction is None else msgspec.json.decode(prediction, type=Prediction),
                OrderStatus(status),
                bool(told),
            )
            for listing, prediction, status, told in await session.execute(rows)
        ]
