"""What alerts promised and what came of them on paper: the rows that every look back is made of.

The paper buys a sold listing at the price it was sold for, and sells it again: at what the axie was seen
to sell for next where that is known, else at the forecast's price. Both pay the fee and the gas that were
reckoned with at the time; `basis` tells which of the two a result is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.db import Database
from bot.db.lookback import SaleRow
from bot.db.tables import AlertRow, AlertState, ListingRow, OutcomeRow, PredictionRow
from bot.services.posts import touch
from pipeline.clock import Clock
from pipeline.market.values import Listing, OrderStatus
from pipeline.signal import Prediction

LOOK_BACK = timedelta(days=2)  # how far at the first look for sales; the feed tells some of them late
OVERLAP = timedelta(hours=2)
_CHUNK = 500  # values in one statement


class Basis(StrEnum):
    """Where the resale of a result on paper comes from."""

    RESALE = "resale"
    FORECAST = "forecast"


class LedgerRow(Struct, frozen=True):
    """A delivered alert: what it promised, and what has come of it so far. Times are market time.

    The axie's number and everything from `ended_at` on are None while it is for sale; the dollars stay None
    unless it was sold. Where the seller changed the price, the outcome is that of the newest order.
    """

    alert_id: int
    guild_id: int
    watch_id: int | None
    watch_name: str
    axie_id: int | None
    listing_hash: str
    model_version: str
    alerted_at: datetime
    ask_usd: float
    resale_usd: float  # as predicted
    net_usd: float  # as promised
    return_: float
    probability: float
    status: OrderStatus
    ended_at: datetime | None
    sold_usd: float | None
    paper_net_usd: float | None
    basis: Basis | None
    resold_usd: float | None
    resold_at: datetime | None

    @property
    def sold(self) -> bool:
        """Whether somebody bought it."""
        return self.status is OrderStatus.MATCHED

    @property
    def sold_after_s(self) -> float | None:
        """Market seconds from the alert to the sale."""
        if not self.sold or self.ended_at is None:
            return None
        return max((self.ended_at - self.alerted_at).total_seconds(), 0.0)


class Ledger:
    """The paper results in the database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._looked_at: datetime | None = None

    async def rows(
        self,
        guild_id: int,
        *,
        watch_id: int | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> list[LedgerRow]:
        """A server's delivered alerts, newest first: all, or those of a watch or since a market time."""
        rows = _rows().where(AlertRow.guild_id == guild_id).order_by(AlertRow.id.desc()).limit(limit)
        if watch_id is not None:
            rows = rows.where(AlertRow.watch_id == watch_id)
        if since is not None:
            rows = rows.where(AlertRow.created_at >= since)
        async with self._db.reading() as session:
            return [_ledger_row(row) for row in await session.execute(rows)]

    async def row(self, alert_id: int) -> LedgerRow | None:
        """One delivered alert; None where there is none of that number."""
        async with self._db.reading() as session:
            row = (await session.execute(_rows().where(AlertRow.id == alert_id))).first()
        return None if row is None else _ledger_row(row)

    async def reconcile(self) -> int:
        """Hold the newest sales of the feed against what is in the book; how many outcomes they changed."""
        now = self._clock.now()
        since = now - LOOK_BACK if self._looked_at is None else self._looked_at - OVERLAP
        traded = select(SaleRow.axie_id).where(SaleRow.hour >= int(since.timestamp() // 3600))
        async with self._db.reading() as session:
            axies = list(dict.fromkeys(await session.scalars(traded)))
        changed = 0
        for start in range(0, len(axies), _CHUNK):
            chunk = OutcomeRow.axie_id.in_(axies[start : start + _CHUNK])
            # Looked up apart, so that nothing waits for a writer's turn where there is nothing to write.
            async with self._db.reading() as session:
                sold = list(
                    await session.scalars(
                        select(OutcomeRow.axie_id).where(chunk, OutcomeRow.sold_usd.is_not(None))
                    )
                )
            if sold:
                async with self._db.session() as session:
                    changed += await match_sales(session, sold)
        self._looked_at = now
        return changed


async def book(session: AsyncSession, listing_hash: str, sold_at: datetime) -> dict[str, Any]:
    """What a priced listing that was sold comes to on paper, for its outcome; nothing where it was not."""
    found = (
        await session.execute(
            select(ListingRow.body, PredictionRow.body)
            .join(PredictionRow, PredictionRow.listing_hash == ListingRow.hash)
            .where(ListingRow.hash == listing_hash)
        )
    ).first()
    if found is None:
        return {}
    listing = msgspec.json.decode(found[0], type=Listing)
    prediction = msgspec.json.decode(found[1], type=Prediction)
    asked = listing.ask(prediction.forecast.at).amount
    # At the rates of the prediction: an auction's price moves between the two moments, the dollar does not.
    share = listing.ask(sold_at).amount / asked if asked else 1.0
    sold_usd = prediction.ask_usd * share
    net = net_on_paper(prediction, prediction.forecast.resale_usd, sold_usd)
    return {"sold_usd": sold_usd, "net_usd": net, "basis": Basis.FORECAST}


async def match_sales(session: AsyncSession, axie_ids: Iterable[int]) -> int:
    """Tell sold listings of these axies when exactly they were sold, and what they were sold for next.

    The feed knows sales by axie: the one by the listing's own seller, not after the order was found to be
    matched, is the purchase; the first one after it is the resale.
    """
    ids = list(axie_ids)
    outcomes = (
        await session.execute(
            select(OutcomeRow, ListingRow.body, PredictionRow.body)
            .join(ListingRow, ListingRow.hash == OutcomeRow.listing_hash)
            .join(PredictionRow, PredictionRow.listing_hash == OutcomeRow.listing_hash)
            .where(OutcomeRow.axie_id.in_(ids), OutcomeRow.sold_usd.is_not(None))
        )
    ).all()
    if not outcomes:
        return 0
    sales: dict[int, list[SaleRow]] = {}
    for sale in await session.scalars(select(SaleRow).where(SaleRow.axie_id.in_(ids)).order_by(SaleRow.at)):
        sales.setdefault(sale.axie_id, []).append(sale)
    changed = []
    for outcome, listing, prediction in outcomes:
        known = sales.get(outcome.axie_id, ())
        found = _matched(outcome, msgspec.json.decode(listing, type=Listing), known)
        if found.get("resale_usd") is not None:
            told = msgspec.json.decode(prediction, type=Prediction)
            net = net_on_paper(told, found["resale_usd"], outcome.sold_usd or 0.0)
            found |= {"net_usd": net, "basis": Basis.RESALE}
        if any(getattr(outcome, name) != value for name, value in found.items()):
            row = OutcomeRow.listing_hash == outcome.listing_hash
            await session.execute(update(OutcomeRow).where(row).values(found))
            changed.append(outcome.listing_hash)
    await touch(session, changed)
    return len(changed)


def _matched(outcome: OutcomeRow, listing: Listing, sales: Iterable[SaleRow]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # Market times of the two sources differ by seconds; a listing cannot be sold before it is seen by much.
    begun = min(listing.started_at, listing.seen_at)
    for sale in sales:
        if sale.at < begun:
            continue
        if sale.seller is not None and sale.seller.lower() == listing.seller.lower():
            if sale.at <= outcome.at:
                found["at"] = sale.at
            continue
        # Without a seller's name the purchase itself cannot be told from a resale until the order had ended.
        if sale.seller is None and sale.at <= outcome.at:
            continue
        found |= {"resale_usd": sale.price_usd, "resold_at": sale.at}
        break
    return found


def net_on_paper(prediction: Prediction, resale_usd: float, paid_usd: float) -> float:
    """Dollars left of buying at one price and selling at another, with the fee and gas of the prediction."""
    return resale_usd * (1 - prediction.fee) - paid_usd - prediction.gas_usd


def _rows() -> Select[*tuple[Any, ...]]:
    # Of thousands of alerts in a database of millions of listings, every join is a wait for the disk: an
    # order's status and axie are with its outcome too, and without one it is open.
    return (
        select(
            AlertRow.id,
            AlertRow.guild_id,
            AlertRow.watch_id,
            AlertRow.watch_name,
            OutcomeRow.axie_id,
            AlertRow.listing_hash,
            PredictionRow.model_version,
            AlertRow.created_at,
            PredictionRow.ask_usd,
            PredictionRow.resale_usd,
            PredictionRow.net_usd,
            PredictionRow.return_,
            PredictionRow.probability,
            OutcomeRow.status,
            OutcomeRow.at,
            OutcomeRow.sold_usd,
            OutcomeRow.net_usd,
            OutcomeRow.basis,
            OutcomeRow.resale_usd,
            OutcomeRow.resold_at,
        )
        .join(PredictionRow, PredictionRow.listing_hash == AlertRow.listing_hash)
        .join(OutcomeRow, OutcomeRow.listing_hash == AlertRow.current_hash, isouter=True)
        .where(AlertRow.state == AlertState.DELIVERED)
    )


def _ledger_row(row: Any) -> LedgerRow:
    values = list(row)
    values[13] = OrderStatus.OPEN if values[13] is None else OrderStatus(values[13])
    values[17] = None if values[17] is None else Basis(values[17])
    return LedgerRow(*values)
