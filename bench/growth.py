"""`python -m bench.growth`: how the building of features and a training grow with history, and their memory.

Synthetic sales of 20,000 builds around a level that drifts are written to files of 100,000, and streamed from
there (`pipeline.streaming`), each size in a process of its own so that its peak of memory is its own. A
training learns from the newest rows alone, so from some length of history on it no longer grows. Seconds are
those of the processor, on one core: what else the machine does hardly changes them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.sales import write_sales
from pipeline.streaming import NEWEST, days_kept, read_files, streamed
from pipeline.training import learn

RESULTS = Path(__file__).parent / "results-growth.json"
PICTURE = Path(__file__).parents[1] / "docs/images/growth.png"
IN_FILE = 100_000
BUILDS = 20_000
A_DAY = 5_000.0  # sales
FIRST = pd.Timestamp("2015-01-01", tz="UTC")
CLASSES = np.array(["Beast", "Aquatic", "Plant", "Bird", "Bug", "Reptile", "Mech", "Dawn", "Dusk"])
SLOTS = ("eyes", "ears", "mouth", "horn", "back", "tail")


@dataclass(frozen=True, slots=True)
class Grown:
    """One size: seconds of the processor, rows in one of them, and peaks of memory in MB."""

    sales: int
    replay_s: float
    rows_a_second: float
    replay_mb: float
    kept: int
    kept_days: float
    train_s: float | None
    train_mb: float | None


def tables(sales: int, seed: int = 1) -> Iterator[pd.DataFrame]:
    """So many sales in order of time, a file's worth at once."""
    rng = np.random.default_rng(seed)
    value = rng.normal(2.0, 1.0, BUILDS)
    class_ = rng.integers(0, len(CLASSES), BUILDS)
    parts = {slot: rng.integers(0, 40, BUILDS) for slot in SLOTS}
    level = 0.0
    for start in range(0, sales, IN_FILE):
        count = min(IN_FILE, sales - start)
        build = np.minimum(rng.zipf(1.3, count) - 1, BUILDS - 1)
        drift = level + np.cumsum(rng.normal(0, 0.0005, count))
        level = float(drift[-1])
        seconds = (start + np.arange(count)) * (86_400 / A_DAY)
        yield pd.DataFrame(
            {
                "axie_id": rng.integers(1, 12_000_000, count),
                "sold_at": FIRST + pd.to_timedelta(seconds, unit="s"),
                "price_usd": np.exp(value[build] + drift + rng.normal(0, 0.2, count)),
                "class": CLASSES[class_[build]],
                "breed_count": rng.integers(0, 8, count),
                **{slot: np.char.add(f"{slot}-", parts[slot][build].astype(str)) for slot in SLOTS},
            }
        )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)


def _measure(folder: str, newest: int, train: bool, told: multiprocessing.SimpleQueue[Grown]) -> None:
    files = sorted(Path(folder).glob("*.parquet"))
    began = time.process_time()
    data = streamed(read_files(files), newest=newest)
    replay_s, replay_mb = time.process_time() - began, _peak_mb()
    train_s = train_mb = None
    if train:
        began = time.process_time()
        learn(data, n_jobs=1)
        train_s, train_mb = time.process_time() - began, _peak_mb()
    sales = int(files[-1].stem)
    told.put(
        Grown(sales, replay_s, sales / replay_s, replay_mb, len(data.at), days_kept(data), train_s, train_mb)
    )


def grown(sales: int, newest: int, train: bool) -> Grown:
    """Measure one size in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        written = 0
        for table in tables(sales):
            written += len(table)
            write_sales(table, Path(folder) / f"{written:012d}.parquet")
        context = multiprocessing.get_context("spawn")
        told: multiprocessing.SimpleQueue[Grown] = context.SimpleQueue()
        process = context.Process(target=_measure, args=(folder, newest, train, told))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{sales:,} sales: the process ended with {process.exitcode}")
        return told.get()


def draw(results: list[Grown], path: Path) -> None:
    """Seconds and memory by sales, both on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    sales = [each.sales for each in results]
    left.loglog(sales, [each.replay_s for each in results], "o-", label="features")
    trained = [(each.sales, each.train_s) for each in results if each.train_s is not None]
    if trained:
        left.loglog(*zip(*trained, strict=True), "s--", label="training on the newest")
    left.set(xlabel="sales", ylabel="seconds")
    left.legend()
    right.semilogx(sales, [each.train_mb or each.replay_mb for each in results], "o-")
    right.axhline(4096, color="grey", linestyle=":")
    right.set(xlabel="sales", ylabel="peak of memory, MB", ylim=(0, 4400))
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print, store and draw."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--sales", type=int, nargs="+", default=[200_000, 2_000_000])
    parser.add_argument("--newest", type=int, default=NEWEST)
    parser.add_argument("--no-train", action="store_true", help="features alone")
    parser.add_argument("--png", type=Path, default=PICTURE)
    given = parser.parse_args()
    results: list[Grown] = []
    shown = Table("sales", "features", "rows a second", "peak", "kept", "training", "peak with it")
    for sales in given.sales:
        each = grown(sales, given.newest, not given.no_train)
        results.append(each)
        trained = ("–", "–")
        if each.train_s is not None:
            trained = (f"{each.train_s:.0f} s", f"{each.train_mb:,.0f} MB")
        shown.add_row(
            f"{each.sales:,}",
            f"{each.replay_s:.1f} s",
            f"{each.rows_a_second:,.0f}",
            f"{each.replay_mb:,.0f} MB",
            f"{each.kept:,}, {each.kept_days:.0f} days",
            *trained,
        )
    Console().print(shown)
    RESULTS.write_text(json.dumps([asdict(each) for each in results], indent=2) + "\n")
    draw(results, given.png)


if __name__ == "__main__":
    main()
