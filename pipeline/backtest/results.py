"""What signals came to: counted under thresholds, and the best of them beside those of a simple rule.

A figure that the outcomes cannot give is None. Dollars; shares are fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, product
from math import ceil
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.members import Floats
from pipeline.appraisal.memory import DAY, Ints
from pipeline.backtest.weighing import Weighed
from pipeline.signal import Thresholds


class Streak(Struct, frozen=True):
    """Losses in a row, in the order of the resales, and what they came to."""

    losses: int = 0
    net_usd: float = 0.0


class Result(Struct, frozen=True):
    """What some signals came to.

    All from `win_rate` on is of those resolved: sold again within the data. `promised_` is what the model
    had said of these very ones.
    """

    signals: int
    resolved: int
    resolved_share: float | None
    win_rate: float | None
    promised_win_rate: float | None
    mean_net_usd: float | None
    promised_mean_net_usd: float | None
    median_net_usd: float | None
    total_net_usd: float
    profit_per_day_usd: float
    worst_streak: Streak


class Tried(Struct, frozen=True):
    """One cell of the grid."""

    min_net_usd: float
    min_return: float
    min_probability: float
    result: Result


class Best(Struct, frozen=True):
    """The best tenth of the signals, and as many offers chosen by the trailing comparable median."""

    chosen: int
    model: Result
    comparable: Result


def grid(net_usd: Sequence[float], return_: Sequence[float], chance: Sequence[float]) -> list[Thresholds]:
    """All combinations, in the order given."""
    return [Thresholds(*each) for each in product(net_usd, return_, chance)]


def signals(weighed: Weighed, thresholds: Thresholds) -> Ints:
    """The rows that reach the thresholds, in time order.

    An axie that was bought is not bought again until it is resold: one offered anew is the same chance.
    """
    reach = np.flatnonzero(weighed.odds.reach(thresholds))
    return np.array(list(_once(weighed, reach)), dtype=np.int64)


def tried(weighed: Weighed, thresholds: Thresholds) -> Tried:
    """What the signals of some thresholds came to."""
    asked = thresholds.min_net_usd, thresholds.min_return, thresholds.min_probability
    return Tried(*asked, count(weighed, signals(weighed, thresholds)))


def best(weighed: Weighed) -> Best:
    """The tenth of all profitable promises with the highest net, beside the comparable median's choice.

    Both choose among the same offers, by the net that they expect, before any outcome is looked at.
    """
    promising = signals(weighed, Thresholds(0.0, 0.0, 0.0))
    number = ceil(len(promising) / 10)
    return Best(
        number,
        count(weighed, ranked(weighed, weighed.odds.net_usd)[:number]),
        count(weighed, ranked(weighed, weighed.comparable_net_usd)[:number]),
    )


def ranked(weighed: Weighed, expected: Floats) -> Ints:
    """All rows, the highest expectation first; the earlier of equals first, unknown ones last."""
    return np.argsort(-np.nan_to_num(expected, nan=-np.inf), kind="stable")


def count(weighed: Weighed, rows: Ints) -> Result:
    """The figures of some rows, whatever their order."""
    rows = rows[np.argsort(weighed.resold_at[rows], kind="stable")]
    resolved = rows[np.isfinite(weighed.resold_at[rows])]
    net = weighed.realised_usd[resolved]
    total = float(net.sum())
    return Result(
        signals=len(rows),
        resolved=len(resolved),
        resolved_share=_mean(np.isfinite(weighed.resold_at[rows])),
        win_rate=_mean(net > 0),
        promised_win_rate=_mean(weighed.odds.probability[resolved]),
        mean_net_usd=_mean(net),
        promised_mean_net_usd=_mean(weighed.odds.net_usd[resolved]),
        median_net_usd=float(np.median(net)) if len(net) else None,
        total_net_usd=total,
        profit_per_day_usd=total / days(weighed),
        worst_streak=worst_streak(net),
    )


def days(weighed: Weighed) -> int:
    """Calendar days (UTC) from the first offer's to the last one's."""
    return int(weighed.at[-1] // DAY - weighed.at[0] // DAY) + 1


def worst_streak(net: Floats) -> Streak:
    """The longest run of losses, the dearer of equals."""
    runs = [list(run) for lost, run in groupby(net.tolist(), key=lambda usd: usd <= 0) if lost]
    found = (Streak(len(run), sum(run)) for run in runs)
    return max(found, key=lambda streak: (streak.losses, -streak.net_usd), default=Streak())


def _once(weighed: Weighed, rows: Ints) -> Iterator[int]:
    held: dict[int, float] = {}
    for row in rows.tolist():
        axie = int(weighed.axie[row])
        if held.get(axie, -np.inf) <= weighed.at[row]:
            held[axie] = float(weighed.resold_at[row])
            yield row


def _mean(values: Floats | NDArray[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None
