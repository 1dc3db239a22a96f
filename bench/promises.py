"""`python -m bench.promises`: what signals promised in the simulated market, and what came of it.

The market's sales of some days are collected over HTTP, and with them the exchange rates of every eight
hours, as a bot that runs has them; what was sold before the first is converted at these. Each sale is then
an offer at its price, weighed by the model of its day, which has learnt from the sales before that day:
whoever bought did what a signal would have had one do. Of those sold again, the simulation's own books tell
what the flip really brought; they know the sales too that the feed left out.

What is judged are resales at the market's level of their purchase: each is scaled by the axie's hidden fair
value when it was listed for the purchase over that when it was listed for the resale, because where the whole
market goes meanwhile is nobody's promise. What was really paid, unscaled, stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bot.commands import collect_into_store
from bot.outside import open_market, open_objects
from bot.settings import Settings
from models.members import Floats
from pipeline.appraisal.economics import Odds, Terms
from pipeline.appraisal.memory import DAY
from pipeline.backtest.offers import sales_as_offers
from pipeline.backtest.weighing import Weighed, weigh
from pipeline.clock import Clock
from pipeline.datasets import write_records
from pipeline.labels import build_sales
from pipeline.objects import open_store
from pipeline.signal import Thresholds
from pipeline.training import learn
from sandbox.stage import COLLECT_MINUTES, Economy, Worlds, market_clock, settings_for, worlds

START = datetime(2026, 6, 1, tzinfo=UTC)
HISTORY_DAYS = 5.0
SPEED = 60.0
RATES_EVERY_S = 8 * 3600.0
SAME_S = 2.0  # a sale in the feed has whole seconds
LATER_S = 4 * DAY  # how long after its purchase an axie is followed
BANDS = 5
NEAR_CHANCE, NEAR_NET = 0.05, 0.15
SIGNALS = (Thresholds(0.0, 0.05, 0.0), Thresholds())

Order = dict[str, Any]


class Flips(NamedTuple):
    """Offers bought and sold again, (n,): what was promised, and the net in dollars that came of it.

    `realised_usd` is at the market's level of the purchase, `unscaled_usd` what was really paid.
    """

    odds: Odds
    realised_usd: Floats
    unscaled_usd: Floats

    def of(self, rows: NDArray[Any]) -> Flips:
        """Those of some rows, or for which a mask is true."""
        odds = Odds(*(figure[rows] for figure in self.odds))
        return Flips(odds, self.realised_usd[rows], self.unscaled_usd[rows])


async def live(data: Path, seed: int, days: int) -> None:
    """Collect a market's history and so many days; put its own books of then and later into the folder."""
    opened = START - timedelta(days=days)
    async with worlds(data, Economy(seed, SPEED, HISTORY_DAYS, opened)) as both:
        settings = settings_for(data, both)
        for _ in range(round(days * DAY / RATES_EVERY_S)):
            await _keep_rates(settings, await market_clock(both))
            await _control(both, "advance", seconds=RATES_EVERY_S)
        clock = await market_clock(both)
        span = timedelta(days=HISTORY_DAYS + days)
        await collect_into_store(settings, clock, COLLECT_MINUTES * SPEED, span)
        await _control(both, "advance", seconds=LATER_S)
        books = await _control(both, "truth/listings")
    (data / "books.json").write_text(json.dumps(books))


async def _keep_rates(settings: Settings, clock: Clock) -> None:
    async with open_market(settings, clock) as client:
        rates = await client.rates()
    write_records(open_objects(settings), "rates", f"{rates.at:%Y%m%dT%H%M%S}", [rates])


async def _control(both: Worlds, what: str, **body: float) -> Any:
    address = f"{both.market['control']}/{what}"
    async with (
        aiohttp.ClientSession() as session,
        session.request("POST" if body else "GET", address, json=body or None) as answer,
    ):
        answer.raise_for_status()
        return await answer.json()


def weighed(data: Path, days: int, jobs: int) -> Weighed:
    """The sales of the last days as the models of their days saw them."""

    def show(stage: str, share: float) -> None:
        print(f"\r{share:4.0%}  {stage:40}", end="", file=sys.stderr)

    history, offers = sales_as_offers(build_sales(open_store(f"file:{data / 'store'}")).table, show)
    return weigh(
        history,
        offers,
        Terms(),
        lambda known, progress: learn(known, n_jobs=jobs, progress=progress),
        first=START.date() - timedelta(days=days),
        progress=show,
    )


def flips(told: Weighed, books: list[Order], terms: Terms) -> Flips:
    """What came of every weighed sale that was sold again soon after."""
    of_axie: defaultdict[int, list[Order]] = defaultdict(list)
    for order in books:
        if order["sold_usd"] is not None and order["origin"] != "wash":
            of_axie[int(order["axie_id"])].append(order)
    for orders in of_axie.values():
        orders.sort(key=_closed)
    rows, resales, levels = [], [], []
    for row, (axie, at) in enumerate(zip(told.axie.tolist(), told.at.tolist(), strict=True)):
        orders = of_axie[axie]
        later = bisect_right(orders, at + SAME_S, key=_closed)
        if not 0 < later < len(orders) or orders[later]["closed_at"] - at > LATER_S:
            continue
        bought, again = orders[later - 1], orders[later]
        if at - bought["closed_at"] > SAME_S:  # another sale, which was none of the market's
            continue
        resales.append(again["sold_usd"])
        levels.append(bought["fair_usd"] / again["fair_usd"])
        rows.append(row)
    odds = Odds(*(figure[rows] for figure in told.odds))
    cost = odds.net_usd / odds.return_
    kept = np.array(resales) * (1 - terms.fee)
    return Flips(odds, kept * np.array(levels) - cost, kept - cost)


def _closed(order: Order) -> float:
    return float(order["closed_at"])


def show(found: Flips, out: Console) -> None:
    """Promised beside realised, in bands of promised probability, and whether that holds."""
    table = Table(
        "promised", "signals", "promised to pay", "paid", "net promised", "net realised",
        "unscaled: paid", "net",
    )  # fmt: skip
    order = np.argsort(found.odds.probability, kind="stable")
    near = []
    for rows in np.array_split(order, BANDS):
        band = found.of(rows)
        promised = band.odds.probability
        paid, chance = float((band.realised_usd > 0).mean()), float(promised.mean())
        near.append(abs(paid - chance) <= NEAR_CHANCE)
        error = float(np.sqrt(chance * (1 - chance) / len(rows)))
        table.add_row(
            f"{promised.min():.0%} to {promised.max():.0%}", f"{len(rows):,}",
            f"{chance:.1%}", f"{paid:.1%} ± {error:.1%}", f"${band.odds.net_usd.mean():.2f}",
            f"${band.realised_usd.mean():.2f}", f"{(band.unscaled_usd > 0).mean():.1%}",
            f"${band.unscaled_usd.mean():.2f}",
        )  # fmt: skip
    out.print(table)
    expected, realised = float(found.odds.net_usd.mean()), float(found.realised_usd.mean())
    unscaled = float(found.unscaled_usd.mean())
    error = float(found.realised_usd.std() / np.sqrt(len(found.realised_usd)))
    nets = abs(realised / expected - 1) <= NEAR_NET
    lines = (
        (all(near), f"{sum(near)} of {BANDS} bands paid within {NEAR_CHANCE:.0%} of what they promised"),
        (nets, f"mean net promised ${expected:.3f}, realised ${realised:.3f} ± {error:.3f}"
               f" ({realised / expected - 1:+.1%}, {NEAR_NET:.0%} are allowed)"),
    )  # fmt: skip
    for good, what in lines:
        out.print(f"{'holds ' if good else 'MISSED'}  {what}", highlight=False)
    out.print(f"        unscaled ${unscaled:.3f} ({unscaled / expected - 1:+.1%})", highlight=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.promises", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/promises"), help="a new folder to work in")
    parser.add_argument("--days", type=int, default=10, help="of sales that are weighed")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", action="store_true", help="judge what an earlier run left in the folder")
    options = parser.parse_args()
    if not options.kept:
        options.data.mkdir(parents=True)
        asyncio.run(live(options.data, options.seed, options.days))
    books = json.loads((options.data / "books.json").read_text())
    found = flips(weighed(options.data, options.days, options.jobs), books, Terms())
    out = Console(width=None if sys.stdout.isatty() else 100)
    out.print(f"\n{len(found.realised_usd):,} sales were weighed and sold again.", highlight=False)
    for asked in SIGNALS:
        signals = found.of(found.odds.reach(asked))
        out.print(
            f"\n{len(signals.realised_usd):,} of them were signals: net ≥ ${asked.min_net_usd:g},"
            f" return ≥ {asked.min_return:.0%}, chance ≥ {asked.min_probability:.0%}",
            highlight=False,
        )
        show(signals, out)


if __name__ == "__main__":
    main()
