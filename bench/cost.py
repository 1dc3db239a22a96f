"""What training costs: the replay, the market's state, and a training as `axieflip train --sales` does it."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import pandas as pd

from bench.memory import Peak
from bench.timing import judged
from pipeline.appraisal.state import MarketState
from pipeline.birth import Order, Result
from pipeline.history import merged, replayed


class Birth(NamedTuple):
    """What came of a training in a process of its own, how long that lived, and what it weighed at most."""

    result: Result
    seconds: float
    peak_mb: float


def born(paths: Sequence[Path], jobs: int) -> Birth:
    """Train on tables of sales into a store that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        order = Order(
            store=f"file:{folder}",
            key=secrets.token_hex(),
            now=datetime.now(UTC),
            jobs=jobs,
            min_rows=1,
            sales=tuple(map(str, paths)),
        )
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "pipeline.birth"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with Peak(child.pid) as peak:
            told, _ = child.communicate(msgspec.json.encode(order))
        seconds = time.perf_counter() - began
    if child.returncode:
        last = msgspec.json.decode(told.splitlines()[-1], type=Result) if told else Result()
        raise SystemExit(
            f"the training ended with {child.returncode}: {last.error or 'its last words are above'}"
        )
    return Birth(msgspec.json.decode(told.splitlines()[-1], type=Result), seconds, peak.mb)


def cost(table: pd.DataFrame, paths: Sequence[Path], jobs: int) -> list[str]:
    """What it costs to learn from all of a table, that of the files, and whether it keeps the limits."""
    events = list(merged(table, ()))
    began = time.perf_counter()
    MarketState().replay(events)
    alone = time.perf_counter() - began
    began = time.perf_counter()
    state = replayed(table).state
    took = time.perf_counter() - began
    began = time.perf_counter()
    written = state.dump()
    dumped = time.perf_counter() - began
    began = time.perf_counter()
    MarketState.restore(written)
    restored = time.perf_counter() - began
    birth = born(paths, jobs)
    facts = birth.result.report
    seconds, replay = took + facts["training_seconds"], len(table) / alone
    weights = ", ".join(f"{name} {of['weight']:.0%}" for name, of in facts["members"].items() if of["weight"])
    return [
        *judged(
            (
                ("replay of at least 20,000 sales a second", f"{replay:,.0f}", replay >= 20_000),
                (
                    "the market's state written and read again within 1 s",
                    f"{dumped:.2f} s and {restored:.2f} s, {len(written) / 1e6:.1f} MB",
                    dumped + restored <= 1.0,
                ),
                (f"training on all {len(table):,} within 90 s", f"{seconds:.1f} s", seconds <= 90),
                (
                    "in at most 1,500 MB, all its processes together",
                    f"{birth.peak_mb:,.0f} MB",
                    0 < birth.peak_mb <= 1500,  # 0 where the kernel does not tell
                ),
            )
        ),
        f"From the start of its process to the report, with the gate: {birth.seconds:.1f} s",
        f"Replay with features: {len(table) / took:,.0f} a second",
        f"Weights: {weights}",
    ]
