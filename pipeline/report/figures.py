"""The figures of a training's report: everything that its pictures show, as plain values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np

from models.learning import Point, learning_curve
from models.members import Floats
from pipeline.appraisal.features import NAMES
from pipeline.contest import Scored
from pipeline.evaluation.metrics import INTERVALS, MIDDLE
from pipeline.training import Outcome, to_learn_from

MOST_DOTS = 2_000
PRICES = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0)  # where bands begin, in dollars
SEEN = (1, 5, 20, 100)  # likewise, in remembered sales of the same build
BUILD = NAMES.index("build_weight")


class Band(msgspec.Struct, frozen=True):
    """The sales between two bounds, and by how much forecasts of them were off."""

    name: str
    rows: int
    median_ape: float


class Day(msgspec.Struct, frozen=True):
    """The share that each interval covered of a day's sales (UTC)."""

    day: str
    rows: int
    coverage: dict[str, float]


class Step(msgspec.Struct, frozen=True):
    """The net of all signals up to a sale, in dollars; `at` in seconds since 1970."""

    at: float
    net_usd: float


class Report(msgspec.Struct, frozen=True):
    """What is shown of a training. `dots` are (paid, forecast) in dollars."""

    version: str
    promoted: bool
    reason: str
    rows: int
    dots: list[tuple[float, float]]
    by_price: list[Band]
    by_seen: list[Band]
    by_day: list[Day]
    profit: dict[str, list[Step]]
    weights: dict[str, float]
    left_out: dict[str, str]
    learning: list[Point]


def report_of(outcome: Outcome, *, seed: int = 0, n_jobs: int = 1) -> Report:
    """The report of a training, on the sales that it was judged by."""
    data, verdict = outcome.data, outcome.verdict
    ours = verdict.challenger
    rows = len(ours.net)
    log_usd, at = data.log_usd[-rows:], data.at[-rows:]
    ape = np.abs(np.expm1(ours.quantiles[:, MIDDLE] - log_usd))
    dots = np.unique(np.linspace(0, rows - 1, min(rows, MOST_DOTS)).astype(int))
    pairs = np.exp(np.stack((log_usd[dots], ours.quantiles[dots, MIDDLE]), axis=1)).round(4)
    profit = {"this model": _steps(ours, at)}
    if verdict.champion is not None:
        profit["the champion"] = _steps(verdict.champion, at)
    fitted = outcome.learnt.fitted
    return Report(
        version=outcome.card.version,
        promoted=verdict.promoted,
        reason=verdict.reason,
        rows=rows,
        dots=[(paid, forecast) for paid, forecast in pairs.tolist()],
        by_price=_bands(np.exp(log_usd), PRICES, ape, "${:g}"),
        by_seen=_bands(np.rint(np.expm1(data.X[-rows:, BUILD])), SEEN, ape, "{:g}"),
        by_day=list(_days(ours.quantiles, log_usd, at)),
        profit=profit,
        weights={name: told["weight"] for name, told in fitted.members.items()},
        left_out=fitted.left_out,
        learning=learning_curve(to_learn_from(data.X, data.y, data.at), seed=seed, n_jobs=n_jobs),
    )


def _bands(values: Floats, edges: tuple[float, ...], ape: Floats, form: str) -> list[Band]:
    """Bands that hold any sales; the first and the last are open."""
    place = np.searchsorted(edges, values, side="right")
    names = [f"< {form.format(edges[0])}"]
    names += [f"{form.format(low)}–{form.format(high)}" for low, high in itertools.pairwise(edges)]
    names.append(f"≥ {form.format(edges[-1])}")
    return [
        Band(name, int(np.sum(place == index)), float(np.median(ape[place == index])))
        for index, name in enumerate(names)
        if np.any(place == index)
    ]


def _days(quantiles: Floats, log_usd: Floats, at: Floats) -> Iterator[Day]:
    days = at // 86_400
    for day in np.unique(days):
        of = days == day
        covered = {
            name: float(np.mean((quantiles[of, low] <= log_usd[of]) & (log_usd[of] <= quantiles[of, high])))
            for name, (low, high) in INTERVALS.items()
        }
        yield Day(f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}", int(of.sum()), covered)


def _steps(scored: Scored, at: Floats) -> list[Step]:
    """Where the sum of nets changes."""
    changed = np.flatnonzero(scored.net)
    sums = np.cumsum(scored.net[changed]).round(4)
    return [Step(when, net) for when, net in zip(at[changed].tolist(), sums.tolist(), strict=True)]
