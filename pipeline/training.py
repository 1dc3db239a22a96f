"""Training: history in, a signed and perhaps promoted version out.

History is replayed through the market state, so that every row is seen exactly as it would have been
seen when it was live. A challenger takes the champion's place only by forecasting sales that are newer
than anything the champion has learnt from better than the champion does.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from models.distribution import Calibrator, Residuals
from models.ensemble import Fitted, Overrides, fit
from models.members import Floats
from models.registry import Card, Objects, Registry, TakenMeanwhile
from models.rows import MIN_ROWS, Rows, TrainingError
from models.search import search
from pipeline.appraisal.features import NAMES
from pipeline.appraisal.flips import WITHIN_S, Flips, followed
from pipeline.appraisal.memory import DAY
from pipeline.appraisal.selling import Selling
from pipeline.appraisal.subject import CATEGORIES
from pipeline.contest import Contestant
from pipeline.history import Examples, Progress

if TYPE_CHECKING:
    from pipeline.promotion import Verdict

WARM_UP = 0.1  # the share of history that only fills the state: its features know too little yet
HALF_LIFE_S = 14 * DAY
EMBARGO_S = 1800.0
WEEKS_S = 56 * DAY  # of a shorter history, what weighs the members has not seen each weekday four times
TREND_S = 15 * DAY  # watched for so long, half of a market's trend is believed to go on
_WEEKDAYS = [index for index, name in enumerate(NAMES) if name.startswith("weekday_")]


def _quiet(_stage: str, _fraction: float) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Learnt:
    """An ensemble with what was learnt around it: of flips, and of how long a sale takes if listings tell."""

    fitted: Fitted
    flips: Flips
    selling: Selling | None

    def judged(self, data: Examples, rows: int, forecast: Floats | None = None) -> Contestant:
        """What members that had not seen them said of the newest rows, at most those of the newest slice.

        Intervals and flips are of the sales before these. `forecast` (rows,) is of other members than those
        of the folds.
        """
        fitted = self.fitted
        said = fitted.forecast[-rows:] if forecast is None else forecast
        older = slice(None, len(fitted.forecast) - rows)
        first = len(data.at) - len(fitted.forecast)
        errors = (data.y[first:][older] - fitted.forecast[older]) / fitted.scale[older]
        return Contestant(
            data.level[-rows:] + said,
            fitted.scale[-rows:],
            errors[-Calibrator.WINDOW :],
            _flips(data, fitted, len(data.at) - rows),
        )


def learn(
    data: Examples,
    *,
    seed: int = 0,
    n_jobs: int = 1,
    overrides: Overrides | None = None,
    progress: Progress = _quiet,
) -> Learnt:
    """Fit everything on replayed history. Raises TrainingError where it is too short."""
    rows = to_learn_from(data.X, data.y, data.at)
    fitted = fit(rows, seed=seed, n_jobs=n_jobs, overrides=overrides, progress=progress)
    return learnt_around(data, fitted)


def learnt_around(data: Examples, fitted: Fitted) -> Learnt:
    """What the same history teaches of flips and of selling, beside an ensemble fitted on it."""
    return Learnt(fitted, _flips(data, fitted), _selling(data, fitted))


def to_learn_from(X: Floats, y: Floats, at: Floats) -> Rows:
    """Replayed rows as the ensemble takes them.

    The first only warmed the state up and are left out; the newer a row, the more it weighs. Where weekdays
    have hardly come round, they would tell one day of the past from another, and are left unknown. Raises
    TrainingError where too few rows remain.
    """
    start = int(len(X) * WARM_UP)
    if len(X) - start < MIN_ROWS:
        raise TrainingError(f"{len(X)} sales are too few to learn from: collect more first")
    weight = np.exp2((at[start:] - at[-1]) / HALF_LIFE_S)
    X = X[start:]
    if at[-1] - at[start] < WEEKS_S:
        X = X.copy()
        X[:, _WEEKDAYS] = np.nan
    return Rows(X, y[start:], weight, at[start:], NAMES, len(CATEGORIES), EMBARGO_S)


def _flips(data: Examples, fitted: Fitted, until: int | None = None) -> Flips:
    """From the axies sold twice whose first sale was forecast by members that had not seen it.

    Only sales before the row `until` count, all of them by default.
    """
    first = len(data.at) - len(fitted.forecast)
    following = data.following[:until]
    following[following >= len(following)] = -1
    bought = np.flatnonzero(following >= 0)
    bought = bought[bought >= first]
    bought = bought[data.at[following[bought]] - data.at[bought] <= WITHIN_S]
    resold = following[bought]
    forecast = data.level[bought] + fitted.forecast[bought - first]
    # Where the whole market went meanwhile tells of the next flips only if it has been watched for long.
    told = float(data.at[-1] - data.at[first]) / TREND_S
    moved = (data.level[resold] - data.level[bought]) / (1.0 + told)
    return Flips.fit(
        data.log_usd[bought] - forecast,
        fitted.scale[bought - first],
        data.log_usd[resold] - moved - forecast,
        Residuals.fit(fitted.ensemble.errors),
        followed(data.at[resold] - data.at[bought], data.at[-1] - data.at[first:]),
    )


def _selling(data: Examples, fitted: Fitted) -> Selling | None:
    asks, ensemble = data.asks, fitted.ensemble
    if not len(asks.hours):
        return None
    centre, scale = ensemble.forecast(asks.X)
    return Selling.fit(asks.log_ask - asks.level - centre, scale, asks.hours, asks.sold)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a training: the version's card, what it was made of, and the verdict on it."""

    card: Card
    verdict: Verdict
    learnt: Learnt
    data: Examples

    @property
    def promoted(self) -> bool:
        """Whether it is the champion now."""
        return self.verdict.promoted

    @property
    def reason(self) -> str:
        """Why it is, or is not."""
        return self.verdict.reason


def train(
    data: Examples,
    registry: Registry,
    *,
    seed: int = 0,
    n_jobs: int = 1,
    search_seconds: float = 0.0,
    trials: Objects | None = None,
    progress: Progress = _quiet,
    facts: Mapping[str, Any] | None = None,
) -> Outcome:
    """Train on replayed history, store the version signed, and promote it if it earns its place.

    `facts` of the data go onto the version's card. For `search_seconds` better parameters are looked for
    first, of which `trials` keeps what was tried, so that it is not tried again. Raises TrainingError if the
    data cannot give a model; nothing is stored then.
    """
    from pipeline.promotion import verdict

    began = time.perf_counter()
    searched, share_of_search = None, 0.0
    if search_seconds > 0:
        share_of_search = 0.4
        searched = search(
            to_learn_from(data.X, data.y, data.at),
            seconds=search_seconds,
            seed=seed,
            n_jobs=n_jobs,
            store=trials,
            progress=lambda stage, share: progress(stage, share_of_search * share),
        )
    before, overrides = share_of_search, searched.overrides if searched else None
    learnt = learn(
        data,
        seed=seed,
        n_jobs=n_jobs,
        overrides=overrides,
        progress=lambda stage, share: progress(stage, before + (0.94 - before) * share),
    )
    throne = registry.throne()
    judged = verdict(learnt, data, registry, seed=seed, n_jobs=n_jobs, overrides=overrides)
    progress("storing", 0.95)
    artefact = {
        "ensemble": learnt.fitted.ensemble,
        "state": data.state.dump(),
        "flips": learnt.flips,
        "selling": learnt.selling,
    }
    told = _facts(learnt, data, time.perf_counter() - began)
    told |= {"seed": seed, "contest": judged.figures, "search": searched.facts if searched else None}
    card = registry.save(_name(), artefact, {**told, **(facts or {})}, learnt.fitted.originals)
    while judged.promoted:
        try:
            registry.promote(card.version, throne=throne)
            break
        except TakenMeanwhile:  # by a training elsewhere: its model is the one to beat now
            throne = registry.throne()
            judged = verdict(learnt, data, registry, seed=seed, n_jobs=n_jobs, overrides=overrides)
    progress("stored", 1.0)
    return Outcome(card, judged, learnt, data)


def _facts(learnt: Learnt, data: Examples, seconds: float) -> dict[str, Any]:
    fitted, selling = learnt.fitted, learnt.selling
    return {
        "rows": len(data.at),
        "data_from": _iso(data.at[0]),
        "data_to": _iso(data.at[-1]),
        "data_to_s": float(data.at[-1]),
        "metrics": asdict(fitted.metrics),
        "members": fitted.members,
        "left_out": fitted.left_out,
        "flips": {"pairs": learnt.flips.pairs, "curve": learnt.flips.curve.round(4).tolist()},
        "selling": None if selling is None else {"listings": selling.listings, "sold": selling.sold},
        "features": len(NAMES),
        "training_seconds": round(seconds, 1),
    }


def _name() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat(timespec="seconds")
