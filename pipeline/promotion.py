"""Promotion: a challenger takes the champion's place only where it is better on what neither has seen.

Better means by more than chance explains, in the middle of its forecasts or in their distribution, and
worse in nothing that counts: error, distribution, profit of its signals. It must also be quick enough.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from models.ensemble import Overrides, newest_forecast
from models.members import Floats
from models.registry import NoSuchVersion, Registry, RegistryError
from models.serving import Ensemble
from pipeline.appraisal.subject import CATEGORIES
from pipeline.contest import SURE, Contestant, Scored, chance_better, score
from pipeline.history import Examples
from pipeline.loading import load_appraiser

if TYPE_CHECKING:
    from pipeline.appraisal.appraiser import Appraiser
    from pipeline.training import Learnt

MIN_COMPARED = 200
BUDGET_MS = 0.5  # one row through the ensemble
TIMED = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger is promoted, the reason in words for people, and the figures behind it."""

    promoted: bool
    reason: str
    figures: dict[str, Any]
    challenger: Scored
    champion: Scored | None = None


def verdict(
    learnt: Learnt,
    data: Examples,
    registry: Registry,
    *,
    seed: int = 0,
    n_jobs: int = 1,
    overrides: Overrides | None = None,
    budget_ms: float = BUDGET_MS,
) -> Verdict:
    """Hold the challenger against the champion of the registry on the newest slice.

    Where the champion has learnt from a part of that slice, so may the challenger: its members are fitted
    once more, on all that is older than what is left.
    """
    from pipeline.training import to_learn_from

    rows = learnt.fitted.metrics.rows
    taken = row_ms(learnt.fitted.ensemble, data.X[-1:])
    alone = _scored(learnt.judged(data, rows), data, rows)
    figures = {"row_ms": round(taken, 4), "challenger": _plain(alone), "rows": rows}
    try:
        card, champion = load_appraiser(registry)
    except NoSuchVersion:
        return Verdict(True, "it is the first", figures, alone)
    except RegistryError as error:
        return Verdict(True, f"the champion cannot serve ({error})", figures, alone)
    seen_until = float(card.facts["data_to_s"])
    rows = min(rows, int(np.sum(data.at > seen_until)))
    if rows < MIN_COMPARED:
        return Verdict(
            False, f"only {rows} sales are newer than what the champion has learnt from", figures, alone
        )
    forecast = None
    if rows < learnt.fitted.metrics.rows:
        forecast = newest_forecast(
            to_learn_from(data.X, data.y, data.at),
            learnt.fitted.ensemble.weights,
            rows,
            seed=seed,
            n_jobs=n_jobs,
            overrides=overrides,
        )
    ours = _scored(learnt.judged(data, rows, forecast), data, rows)
    theirs = _scored(as_contestant(champion, data, rows), data, rows)
    chances = {name: chance_better(ours.losses[name], theirs.losses[name], seed) for name in ours.losses}
    figures = {
        "row_ms": round(taken, 4),
        "rows": rows,
        "challenger": _plain(ours),
        "champion": {"version": card.version, **_plain(theirs)},
        "chance_better": {name: round(chance, 4) for name, chance in chances.items()},
    }
    promoted, reason = _decide(ours, theirs, chances, rows, taken, budget_ms)
    return Verdict(promoted, reason, figures, ours, theirs)


def as_contestant(champion: Appraiser, data: Examples, rows: int) -> Contestant:
    """What a model that serves would have said of the newest rows, which were made with other codes.

    Categories are numbered in the order of their first sale, so two histories number them differently:
    the model is asked with the numbers that it learnt.
    """
    X = data.X[-rows:].copy()
    codes = slice(0, len(CATEGORIES))
    X[:, codes] = data.state.codes.recoded(X[:, codes], champion.state.codes)
    centre, scale = champion.ensemble.forecast(X)
    return Contestant(data.level[-rows:] + centre, scale, champion.ensemble.errors, champion.flips)


def row_ms(ensemble: Ensemble, row: Floats) -> float:
    """Milliseconds that one row (1, features) takes when nothing else keeps the machine busy."""
    times = []
    for _ in range(TIMED):
        began = time.thread_time()
        ensemble.forecast(row)
        times.append(time.thread_time() - began)
    return 1000 * min(times)


def _scored(contestant: Contestant, data: Examples, rows: int) -> Scored:
    following = data.following[-rows:] - (len(data.at) - rows)
    return score(contestant, data.log_usd[-rows:], np.maximum(following, -1))


def _decide(
    ours: Scored, theirs: Scored, chances: dict[str, float], rows: int, taken: float, budget_ms: float
) -> tuple[bool, str]:
    on = f"on {rows:,} sales that neither had seen"
    errors = f"median error {_error(ours)} against the champion's {_error(theirs)} {on}"
    if taken > budget_ms:
        return False, f"too slow: a price takes {taken:.2f} ms, allowed are {budget_ms:g} ms"
    worse = [name for name, chance in chances.items() if chance <= 1 - SURE]
    if "profit" in worse:
        net = f"${ours.net.sum():,.2f} against the champion's ${theirs.net.sum():,.2f}"
        return False, f"its signals would have earned less, {net} {on}"
    if worse:
        what = "its forecasts are off by more" if "error" in worse else "its ranges are less fitting"
        return False, f"{what}: {errors}"
    if chances["error"] >= SURE:
        return True, f"its forecasts are closer than chance explains: {errors}"
    if chances["pinball"] >= SURE:
        return True, f"its ranges fit better than chance explains: {errors}"
    return False, f"no better than chance explains: {errors}"


def _error(scored: Scored) -> str:
    return f"{scored.scores.metrics.median_ape:.2%}"  # two versions of a day differ by little


def _plain(scored: Scored) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(scored.scores)
    return plain
