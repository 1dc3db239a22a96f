"""What a server's signals came to: how many paid on paper, how much, how soon, how honest the chances were.

A result on paper rests on what the axie was seen to be sold for again, or else on the forecast itself.
The second cannot prove a forecast wrong, so shares of what paid are told for the first apart, and the
calibration is made of those alone as soon as there are enough of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import fmean, median

from msgspec import Struct

from bot.services.ledger import Basis, LedgerRow

MOST_ROWS = 3_000  # the newest; what is older would change little and cost an answer in time
PROVED_ENOUGH = 20  # resales from which on the calibration rests on them alone
_EDGES = (0.0, 0.6, 0.7, 0.8, 0.9, 1.0001)


class Chance(Struct, frozen=True):
    """Signals whose promised chance lay between two bounds: the mean promise, and the share that paid."""

    promised: float
    paid: float
    signals: int


class Step(Struct, frozen=True):
    """Where the sum of all results on paper stood when one came in, beside what had been promised."""

    at: datetime
    net_usd: float
    promised_usd: float


class Performance(Struct, frozen=True):
    """Signals added up. None where there is nothing to tell; `proved` are those that were resold since.

    `capped` means that there were more than are looked at.
    """

    signals: int = 0
    open: int = 0
    sold: int = 0
    paid: int = 0
    proved: int = 0
    proved_paid: int = 0
    net_usd: float = 0.0
    promised_usd: float = 0.0
    median_net_usd: float | None = None
    median_sold_after_s: float | None = None
    chances: tuple[Chance, ...] = ()
    chances_proved: bool = False
    capped: bool = False

    @property
    def gone(self) -> int:
        """How many were withdrawn or ran out unsold."""
        return self.signals - self.open - self.sold

    @property
    def hit_rate(self) -> float | None:
        """The share of sold ones that paid on paper."""
        return self.paid / self.sold if self.sold else None


def summarise(rows: Iterable[LedgerRow]) -> Performance:
    """Add up alerts. A listing that several watches signalled counts once."""
    rows = list(rows)
    alerts = _once(rows)
    results = _results(alerts)
    nets = [net for _, net in results]
    proved = [(row, net) for row, net in results if row.basis is Basis.RESALE]
    waits = [row.sold_after_s for row, _ in results if row.sold_after_s is not None]
    enough = len(proved) >= PROVED_ENOUGH
    return Performance(
        signals=len(alerts),
        open=sum(not row.status.final for row in alerts),
        sold=len(results),
        paid=sum(net > 0 for net in nets),
        proved=len(proved),
        proved_paid=sum(net > 0 for _, net in proved),
        net_usd=sum(nets),
        promised_usd=sum(row.net_usd for row, _ in results),
        median_net_usd=median(nets) if nets else None,
        median_sold_after_s=median(waits) if waits else None,
        chances=tuple(_chances(proved if enough else results)),
        chances_proved=enough,
        capped=len(rows) >= MOST_ROWS,
    )


def course(rows: Iterable[LedgerRow]) -> list[Step]:
    """The sum of results on paper over time, oldest first."""
    steps: list[Step] = []
    net = promised = 0.0
    ended = [(row.ended_at or row.alerted_at, row, result) for row, result in _results(_once(rows))]
    for at, row, result in sorted(ended, key=lambda each: (each[0], each[1].alert_id)):
        net, promised = net + result, promised + row.net_usd
        steps.append(Step(at, net, promised))
    return steps


def best(rows: Iterable[LedgerRow], number: int = 3) -> list[LedgerRow]:
    """The results that came to most."""
    ranked = sorted(_results(_once(rows)), key=lambda each: -each[1])
    return [row for row, _ in ranked[:number]]


def _once(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    return list({row.listing_hash: row for row in rows}.values())


def _results(rows: Iterable[LedgerRow]) -> list[tuple[LedgerRow, float]]:
    return [(row, row.paper_net_usd) for row in rows if row.sold and row.paper_net_usd is not None]


def _chances(results: Sequence[tuple[LedgerRow, float]]) -> Iterable[Chance]:
    for low, high in pairwise(_EDGES):
        within = [(row.probability, net > 0) for row, net in results if low <= row.probability < high]
        if within:
            yield Chance(fmean(told for told, _ in within), fmean(paid for _, paid in within), len(within))
