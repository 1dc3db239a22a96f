"""The report of a backtest: the grid, the best tenth beside a simple rule, and what not to believe of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from msgspec import Struct

from pipeline.appraisal.economics import Terms
from pipeline.backtest.results import Best, Tried, best, days, tried
from pipeline.backtest.weighing import Weighed
from pipeline.signal import Thresholds

Source = Literal["sales", "listings"]
FEW = 30

_OPEN = {
    "sales": "Every sale counts as an offer that was yours to take at its price. In truth others were there"
    " too, and the best bargains are gone within seconds.",
    "listings": "Every listing counts as yours to take at its ask when it was first seen, even where"
    " another was quicker.",
}
_NEXT = {
    "sales": "The outcome is the same axie's next sale, by whoever had bought it. Trades between wallets of"
    " one person, and axies bred or changed in between, cannot be told apart in a sales table.",
    "listings": "The outcome is the same axie's next sale after the listing was bought, or after it was seen"
    " where it was not: then somebody else's sale, often at a lowered ask.",
}


class Report(Struct, frozen=True):
    """A backtest. `first` and `last` are the days (UTC) of the first and the last offer."""

    source: Source
    first: str
    last: str
    days: int
    retrain: Literal["daily", "never"]
    fee: float
    gas_usd: float
    offers: int
    resolved: int
    grid: tuple[Tried, ...]
    top_tenth: Best
    caveats: tuple[str, ...]


def report(
    weighed: Weighed, grid: Sequence[Thresholds], terms: Terms, source: Source, *, daily: bool
) -> Report:
    """What the offers weighed would have brought under each of some thresholds."""
    cells = tuple(tried(weighed, thresholds) for thresholds in grid)
    top = best(weighed)
    return Report(
        source=source,
        first=_day(weighed.at[0]),
        last=_day(weighed.at[-1]),
        days=days(weighed),
        retrain="daily" if daily else "never",
        fee=terms.fee,
        gas_usd=terms.gas_usd,
        offers=len(weighed),
        resolved=int(np.isfinite(weighed.resold_at).sum()),
        grid=cells,
        top_tenth=top,
        caveats=tuple(_caveats(weighed, cells, top, source)),
    )


def _caveats(weighed: Weighed, cells: Sequence[Tried], top: Best, source: Source) -> Iterator[str]:
    yield _OPEN[source]
    yield _NEXT[source]
    resolved = int(np.isfinite(weighed.resold_at).sum())
    yield (
        f"Only {resolved:,} of {len(weighed):,} offers ({resolved / len(weighed):.1%}) were sold again within"
        " the data; the later ones had less time to be."
        " All figures of money are of those alone; the rest is money tied up, and who could sell does"
        " better than who could not."
    )
    if len(cells) > 1:
        yield (
            "The best cell of a grid looks better than it is: it was chosen after the fact. Try it on days"
            " that it was not chosen on."
        )
    results = [*(cell.result for cell in cells), top.model, top.comparable]
    if thin := sum(result.resolved < FEW for result in results):
        yield f"{thin} of the {len(results)} rows have fewer than {FEW} resolved signals: mostly chance."


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(float(seconds), UTC):%Y-%m-%d}"
