"""`python -m bench`: alert latency and scoring time; prints a table and writes `bench/results.json`.

Below it stands which limits were kept. Times depend on what else the machine does, so that a missed one is
said and ends nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import latency, matching, scoring
from bench.timing import Quantiles, judged
from bot.app import running
from bot.log import configure
from bot.outside import open_market, open_objects, open_registry
from sandbox.stage import Economy, ensure_watch, has_champion, market_clock, prepare, settings_for, worlds

RESULTS = Path(__file__).parent / "results.json"
TITLES = {
    "alert_latency_ms": "listing in the market's answer → alert accepted by Discord",
    "score_one_ms": "one listing scored (features, ensemble, interval, rule)",
    "score_page_100_ms": "a page of 100 listings scored",
    "match_page_100_ms": "a page of 100 listings held against 5,000 watches",
    "match_page_100_naive_ms": "the same, watch by watch",
    "match_bargains_page_100_ms": "a page of 100 bargains held against 5,000 watches",
    "match_bargains_page_100_naive_ms": "the same, watch by watch",
    "match_prepare_ms": "5,000 watches made ready after a change",
    "ensemble_one_ms": "a row of features → its price, by the ensemble as it serves",
    "original_stack_one_ms": "the same row, the original way (Flask, data frame, scikit-learn)",
}


MEDIAN, NINETY_NINTH = ("p50", "median"), ("p99", "99th percentile")
LIMITS_MS = (
    ("alert_latency_ms", MEDIAN, 50.0),
    ("score_one_ms", MEDIAN, 0.5),
    ("score_one_ms", NINETY_NINTH, 1.0),
    ("score_page_100_ms", MEDIAN, 15.0),
)
TIMES_AS_FAST = 100.0  # the ensemble, row in and price out, as the original way of serving it


def verdict(results: Mapping[str, Quantiles]) -> list[str]:
    """Each limit, what was found, and whether it holds."""
    lines = []
    for name, (quantile, spoken), most in LIMITS_MS:
        found = results[name][quantile]
        lines.append((f"{TITLES[name]}: {spoken} below {most:g} ms", f"{found:.2f} ms", found < most))
    old = results["original_stack_one_ms"]["p50"]
    bare, whole = (old / results[name]["p50"] for name in ("ensemble_one_ms", "score_one_ms"))
    what = f"the ensemble at least {TIMES_AS_FAST:.0f} times as fast as the original way of serving it"
    told = f"{bare:.0f} times; with features, interval, economics and rule besides, {whole:.0f} times"
    return judged([*lines, (what, told, bare >= TIMES_AS_FAST)])


async def _run(data: Path, alerts: int, times: int) -> dict[str, Quantiles]:
    economy = Economy(speed=20.0)
    async with worlds(data, economy, "--rate-limits=off") as both:
        settings = settings_for(data, both)
        with (data / "axieflip.log").open("a") as log:
            configure(settings, log)
            if not await has_champion(settings):
                await prepare(settings, both, economy)
            clock = await market_clock(both)
            async with running(settings, clock) as app:
                await ensure_watch(app, both, "bargains")
                results = {"alert_latency_ms": await latency.run(app, both.market["control"], alerts)}
            async with open_market(settings, clock) as client:
                listings = (await client.newest_listings()).rows
                rates = await client.rates()
            store = open_objects(settings)
            scored = scoring.run(store, open_registry(settings, store), listings, rates, times)
    return results | scored | matching.run()


def main() -> None:
    """Measure, print, store."""
    # One thread where serving, as in the bot: a single row gains nothing from more.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/bench"), help="folder to work in")
    parser.add_argument("--alerts", type=int, default=200)
    parser.add_argument("--times", type=int, default=1000, help="calls to time")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    results = asyncio.run(_run(options.data, options.alerts, options.times))
    table = Table("ms", "p50", "p99")
    for name, values in results.items():
        table.add_row(TITLES[name], f"{values['p50']:.2f}", f"{values['p99']:.2f}")
    out = Console()
    out.print(table)
    for line in verdict(results):
        out.print(line, highlight=False)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
