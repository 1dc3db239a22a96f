"""`python -m bench.model`: the model on real sales, walking forward, beside what it has to beat.

Besides the figures of `axieflip evaluate` it prints those of one plain boosted forest that is given the
comparables too, which shows what the market state and the ensemble add, and what training costs.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.cost import cost
from bench.flips import Remembering, flips
from bench.timing import judged
from bot.evaluating import show_tables
from models.members import binnable
from pipeline.evaluation.forecasters import Baseline, Point, baselines, plain_traits
from pipeline.evaluation.metrics import Floats
from pipeline.evaluation.timeline import KINDS, TRAITS, Known, Progress
from pipeline.evaluation.walk import MODEL, Evaluation, evaluate
from pipeline.sales import read_sales

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
DAYS = 5
INFORMED = "forest with comparables"


def main() -> int:
    """Measure and print; 0 also where there is no data, which is then said loudly."""
    parser = argparse.ArgumentParser(prog="python -m bench.model", description=__doc__)
    parser.add_argument("--sales", type=Path, nargs="+", help="sales tables [default: ../shared/data]")
    parser.add_argument(
        "--from", dest="first", type=date.fromisoformat, help="[default: last five days sold on]"
    )
    parser.add_argument("--retrain", choices=("daily", "never"), default="daily")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    paths = options.sales or sorted(DATA.glob("axie-sales-*.csv.gz"))
    if not paths:
        print(f"!!! SKIPPED: there are no real sales in {DATA}, nothing was measured !!!", file=sys.stderr)
        return 0
    table = read_sales(paths)
    print("measuring what training costs", file=sys.stderr)
    costs = cost(table, paths, options.jobs)
    first = options.first or table["sold_at"].dt.date.drop_duplicates().iloc[-DAYS:].min()
    model, log = Remembering(n_jobs=options.jobs), _log(time.perf_counter())
    forecasters = {MODEL: model, **baselines(), INFORMED: Baseline(informed_forest)}
    daily = options.retrain == "daily"
    result = evaluate(table, forecasters, first=first, daily=daily, progress=log)
    out = Console(width=None if sys.stdout.isatty() else 100)
    show_tables(result, out)
    signals = flips(table, model, first=first, daily=daily, progress=log, out=out)
    for line in (*_verdict(result), *signals, *costs):
        out.print(line, highlight=False)
    return 0


def informed_forest(known: Known, log_price: Floats) -> Point:
    """The plain forest, relative to the market's level and given the trailing comparable median."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    def columns(asked: Known) -> Floats:
        return np.column_stack((plain_traits(asked.traits), asked.comparable - asked.level))

    kinds = [index < KINDS for index in range(len(TRAITS))]
    forest = HistGradientBoostingRegressor(categorical_features=[*kinds, False], random_state=0)
    forest.fit(binnable(columns(known)), log_price - known.level)
    return lambda asked: asked.level + forest.predict(columns(asked))


def _verdict(result: Evaluation) -> list[str]:
    ours, theirs = result.model, result.baselines
    assert ours.mae
    assert ours.median_ape is not None
    assert ours.r2_log is not None
    covered = {day: metrics.coverage["90"] or 0.0 for day, metrics in result.by_day.items()}
    least, most = min(covered.values()), max(covered.values())
    all_of = ours.coverage["90"] or 0.0
    lines = [
        ("median APE at most 11.5 %", f"{ours.median_ape:.2%}", ours.median_ape <= 0.115),
        (
            "R² of log price at least 0.82, as on the known slice",
            f"{ours.r2_log:.3f}, “{INFORMED}” {theirs[INFORMED].r2_log:.3f}",
            ours.r2_log >= 0.82,
        ),
        ("MAE at most $6.50, as on the known slice", f"${ours.mae:.2f}", ours.mae <= 6.5),
    ]
    for name, least_gain in (("comparable", 0.20), (INFORMED, 0.08)):
        gain = 1 - ours.mae / (theirs[name].mae or 1.0)
        lines.append(
            (
                f"or, on another slice, MAE at least {least_gain:.0%} below “{name}”",
                f"{gain:.1%}",
                gain >= least_gain,
            )
        )
    lines.append(("90 % intervals cover 88 to 92 %", f"{all_of:.1%}", 0.88 <= all_of <= 0.92))
    every_day = least >= 0.85 and most <= 0.95
    lines.append(("and 85 to 95 % on every day", f"{least:.1%} to {most:.1%}", every_day))
    return judged(lines)


def _log(began: float) -> Progress:
    said: set[str] = set()

    def show(stage: str, share: float) -> None:
        if stage not in said:
            said.add(stage)
            print(f"{time.perf_counter() - began:6.0f} s  {stage} ({share:.0%})", file=sys.stderr)

    return show


if __name__ == "__main__":
    sys.exit(main())
