"""`python -m bench.growth`: how the building of features and a training grow with history, and their memory.

Synthetic sales of 20,000 builds around a level that drifts are written down, and streamed from there in a
process of its own for each size, so that its peak of memory is its own. There are two ways: `store` is that
of `axieflip train`, from what a collector wrote over labels and gate (`pipeline.collected`); `files` are
sales tables of 100,000, whose features alone are built. A training learns from the newest rows alone, so
from some length of history on it no longer grows. Seconds are those of the processor, on one core: what else
the machine does hardly changes them. Results are kept by way and size, and the picture is of all of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.collected import Collected
from pipeline.datasets import day_of, record_keys, write_records
from pipeline.history import Examples
from pipeline.market.values import Axie, AxieClass, Part, Rates, Sale, Slot, Token
from pipeline.objects import LocalStore
from pipeline.sales import write_sales
from pipeline.streaming import NEWEST, days_kept, read_files, streamed
from pipeline.streaming import Part as Span
from pipeline.training import learn

RESULTS = Path(__file__).parent / "results-growth.json"
PICTURE = Path(__file__).parents[1] / "docs/images/growth.png"
IN_FILE = 100_000
BUILDS = 20_000
A_DAY = 5_000.0  # sales
FAR = 20_000_000
FIRST = pd.Timestamp("2015-01-01", tz="UTC")
CLASSES = np.array(["Beast", "Aquatic", "Plant", "Bird", "Bug", "Reptile", "Mech", "Dawn", "Dusk"])
SLOTS = ("eyes", "ears", "mouth", "horn", "back", "tail")


@dataclass(frozen=True, slots=True)
class Grown:
    """One size: seconds of the processor, rows in one of them, and peaks of memory in MB."""

    way: str
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


def _written(way: str, table: pd.DataFrame, folder: Path, written: int) -> None:
    if way == "files":
        write_sales(table, folder / f"{written:012d}.parquet")
        return
    store = LocalStore(folder)
    times = table["sold_at"].dt.to_pydatetime()
    if table["sold_at"].iloc[0] == FIRST:
        write_records(store, "rates", "run", [Rates(times[0], {Token.USDC: 1.0, Token.WETH: 3_000.0})])
    kinds = [AxieClass(value) for value in CLASSES]
    rows = table[["axie_id", "class", "breed_count", *SLOTS, "price_usd"]].itertuples(index=False, name=None)
    records = [
        Sale(
            id=f"{written}-{number}",
            axie=Axie(axie_id, AxieClass(kind), tuple(map(_part, ids, Slot, kinds)), breed_count=bred),
            sold_at=at,
            amount=int(usd * 1e6) + 1,
            seller=f"0x{axie_id % 5_003:040x}",
            buyer=f"0x{axie_id % 4_999 + 10_000:040x}",
        )
        for number, (at, (axie_id, kind, bred, *ids, usd)) in enumerate(zip(times, rows, strict=True))
    ]
    write_records(store, "sales", f"{written:012d}", records)


@cache
def _part(name: str, slot: Slot, of: AxieClass) -> Part:
    return Part(name, slot, of)


def _taken_in(way: str, folder: Path, newest: int) -> Examples:
    if way == "files":
        return streamed(_said(read_files(sorted(folder.glob("*.parquet")))), newest=newest)
    store = LocalStore(folder)
    last = record_keys(store, "sales")[-1]
    now = datetime.combine(day_of(last), datetime.max.time(), UTC)
    return streamed(_said(Collected(store, now, min_rows=1).parts()), newest=newest)


def _said(parts: Iterable[Span]) -> Iterator[Span]:
    """The parts, and a line on standard error after each: a long run says how it goes before its end."""
    began, taken = time.process_time(), 0
    for part in parts:
        yield part
        taken += len(part.table)
        seconds = time.process_time() - began
        print(f"{taken:,} sales, {seconds:.0f} s, {_peak_mb():,.0f} MB at most", file=sys.stderr, flush=True)


def _measure(
    way: str, folder: Path, sales: int, newest: int, train: bool, told: multiprocessing.SimpleQueue[Grown]
) -> None:
    began = time.process_time()
    data = _taken_in(way, folder, newest)
    replay_s, replay_mb = time.process_time() - began, _peak_mb()
    train_s = train_mb = None
    if train:
        began = time.process_time()
        learn(data, n_jobs=1)
        train_s, train_mb = time.process_time() - began, _peak_mb()
    kept, days = len(data.at), days_kept(data)
    told.put(Grown(way, sales, replay_s, sales / replay_s, replay_mb, kept, days, train_s, train_mb))


def grown(way: str, sales: int, newest: int, train: bool) -> Grown:
    """Measure one size in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder, written = Path(name), 0
        for table in tables(sales):
            written += len(table)
            _written(way, table, folder, written)
        context = multiprocessing.get_context("spawn")
        told: multiprocessing.SimpleQueue[Grown] = context.SimpleQueue()
        process = context.Process(target=_measure, args=(way, folder, sales, newest, train, told))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"{sales:,} sales: the process ended with {process.exitcode}")
        return told.get()


def draw(results: list[Grown], path: Path) -> None:
    """Seconds and memory by sales; dotted is what the largest size says of 20 million."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for way, label in (("store", "from the store to features"), ("files", "features alone")):
        of_way = [each for each in results if each.way == way]
        sales = [each.sales for each in of_way]
        left.loglog(sales, [each.replay_s for each in of_way], "o-", label=label)
        right.semilogx(sales, [each.replay_mb for each in of_way], "o-", label=label)
        if of_way and way == "store" and sales[-1] < FAR:
            seconds, peak = of_way[-1].replay_s * FAR / sales[-1], of_way[-1].replay_mb
            left.loglog([sales[-1], FAR], [of_way[-1].replay_s, seconds], ":", color="C0", label="not run")
            right.semilogx([sales[-1], FAR], [of_way[-1].replay_mb, peak], ":", color="C0")
    trained = [each for each in results if each.train_s is not None and each.way == "store"]
    sales = [each.sales for each in trained]
    left.loglog(sales, [each.train_s for each in trained], "s--", label="training (right: with it)")
    right.semilogx(sales, [each.train_mb for each in trained], "s--")
    left.set(xlabel="sales", ylabel="seconds of one core")
    right.axhline(4096, color="grey", linestyle=":")
    right.set(xlabel="sales", ylabel="peak of memory, MB", ylim=(0, 4400))
    left.legend()
    figure.savefig(path, dpi=110)


def kept_results() -> dict[tuple[str, int], Grown]:
    """What earlier runs measured, by way and size."""
    if not RESULTS.exists():
        return {}
    return {(each["way"], each["sales"]): Grown(**each) for each in json.loads(RESULTS.read_text())}


def main() -> None:
    """Measure, print, store and draw."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--sales", type=int, nargs="+", default=[200_000, 2_000_000])
    parser.add_argument("--way", choices=("store", "files"), default="store")
    parser.add_argument("--newest", type=int, default=NEWEST)
    parser.add_argument("--no-train", action="store_true", help="features alone")
    parser.add_argument("--png", type=Path, default=PICTURE)
    given = parser.parse_args()
    shown = Table("way", "sales", "features", "rows a second", "peak", "kept", "training", "peak with it")
    measured = [grown(given.way, sales, given.newest, not given.no_train) for sales in given.sales]
    results = kept_results() | {(each.way, each.sales): each for each in measured}
    ordered = [results[key] for key in sorted(results)]
    for each in ordered:
        trained = ("–", "–")
        if each.train_s is not None:
            trained = (f"{each.train_s:.0f} s", f"{each.train_mb:,.0f} MB")
        shown.add_row(
            each.way,
            f"{each.sales:,}",
            f"{each.replay_s:.1f} s",
            f"{each.rows_a_second:,.0f}",
            f"{each.replay_mb:,.0f} MB",
            f"{each.kept:,}, {each.kept_days:.0f} days",
            *trained,
        )
    Console().print(shown)
    RESULTS.write_text(json.dumps([asdict(each) for each in ordered], indent=2) + "\n")
    draw(ordered, given.png)


if __name__ == "__main__":
    main()
