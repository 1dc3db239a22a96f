"""Training: a sales table in, a signed and perhaps promoted version out.

History is replayed through the market state, so that every row is seen exactly as it would have been
seen when it was live. A challenger takes the champion's place only by forecasting sales that are newer
than anything the champion has learnt from better than the champion does.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.ensemble import MIN_ROWS, Ensemble, Fitted, TrainingError, fit
from models.registry import Card, NoSuchVersion, Registry, RegistryError
from pipeline.appraisal.appraiser import Appraiser
from pipeline.appraisal.asks import Asks
from pipeline.appraisal.features import NAMES, features
from pipeline.appraisal.state import DAY, MarketState
from pipeline.appraisal.subject import SaleEvent, from_axie, from_table
from pipeline.market.values import Axie

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
WARM_UP = 0.1  # the share of history that only fills the state: its features know too little yet
HALF_LIFE_S = 10 * DAY
MIN_COMPARED = 200

Progress = Callable[[str, float], None]


def _quiet(_stage: str, _fraction: float) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Examples:
    """What the members learn from: rows in time order, and the state after the last of them."""

    X: Floats
    y: Floats
    at: Floats
    state: MarketState


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a training: the version's card, and whether and why it was promoted."""

    card: Card
    promoted: bool
    reason: str


def replay(table: pd.DataFrame, state: MarketState) -> Iterator[tuple[SaleEvent, Floats]]:
    """Each sale of a table with its features (len(NAMES),) as of that moment.

    The state takes a sale in only when the next one is asked for, so what is read of it is older too.
    """
    for event in from_table(table):
        yield event, features(state, event.subject, event.at)
        state.observe(event)


def examples(table: pd.DataFrame, progress: Progress = _quiet) -> Examples:
    """Replay a sales table: each row's features as of its sale, with nothing of itself in them."""
    state = MarketState()
    rows: list[Floats] = []
    targets: list[float] = []
    times: list[float] = []
    step = max(1, len(table) // 50)
    for index, (event, row) in enumerate(replay(table, state)):
        rows.append(row)
        targets.append(math.log(event.price_usd) - state.level)
        times.append(event.at)
        if index % step == 0:
            progress("replaying history", index / len(table))
    if not rows:
        raise TrainingError("there are no sales to learn from: collect some first (`axieflip collect`)")
    return Examples(np.array(rows), np.array(targets), np.array(times), state)


def learn(
    X: Floats,
    y: Floats,
    at: Floats,
    *,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Progress = _quiet,
) -> Fitted:
    """Fit an ensemble on replayed rows in time order; `at` (n,) is seconds since 1970.

    The first rows only warmed the state up and are left out; the newer a row, the more it weighs.
    Raises TrainingError where too few remain.
    """
    start = int(len(X) * WARM_UP)
    if len(X) - start < MIN_ROWS:
        raise TrainingError(f"{len(X)} sales are too few to learn from: collect more first")
    weight = np.exp2((at[start:] - at[-1]) / HALF_LIFE_S)
    return fit(X[start:], y[start:], weight, NAMES, seed=seed, n_jobs=n_jobs, progress=progress)


def train(
    table: pd.DataFrame,
    registry: Registry,
    asked: Sequence[tuple[Axie, float]] = (),
    *,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Progress = _quiet,
    facts: Mapping[str, Any] | None = None,
) -> Outcome:
    """Train on a sales table, store the version signed, and promote it if it earns its place.

    `asked` are axies that were listed about when the table ends, with their asks in dollars;
    `facts` of the data go onto the version's card. Raises TrainingError if the data cannot give a model;
    nothing is stored then.
    """
    data = examples(table, lambda stage, share: progress(stage, 0.15 * share))
    fitted = learn(
        data.X,
        data.y,
        data.at,
        seed=seed,
        n_jobs=n_jobs,
        progress=lambda stage, share: progress(stage, 0.15 + 0.8 * share),
    )
    promoted, reason = _earns_its_place(fitted, data, registry)
    progress("storing", 0.96)
    asks = _asks(fitted, data, asked)
    artefact = {"ensemble": fitted.ensemble, "state": data.state.dump(), "asks": asks}
    card = registry.save(
        _name(data), artefact, _facts(fitted, data) | {"asks": asdict(asks)} | dict(facts or {})
    )
    if promoted:
        registry.promote(card.version)
    progress("done", 1.0)
    return Outcome(card, promoted, reason)


def load_appraiser(registry: Registry, version: str | None = None) -> tuple[Card, Appraiser]:
    """The champion, or a named version, ready to serve. Raises RegistryError with the reason."""
    card, artefact = registry.load(version or registry.champion())
    try:
        ensemble, asks = artefact["ensemble"], artefact["asks"]
        state = MarketState.restore(artefact["state"])
        if ensemble.feature_names != NAMES:
            raise ValueError("its features are not those of this program")
        ensemble.verify()
    except (KeyError, TypeError, ValueError, AttributeError, TrainingError) as error:
        raise RegistryError(f"model {card.version} cannot serve here ({error}): retrain") from error
    return card, Appraiser(ensemble, state, asks, card.version)


def _earns_its_place(fitted: Fitted, data: Examples, registry: Registry) -> tuple[bool, str]:
    try:
        card, champion = load_appraiser(registry)
    except NoSuchVersion:
        return True, "it is the first"
    except RegistryError as error:
        return True, f"the champion cannot serve ({error})"
    newest = slice(len(data.y) - fitted.metrics.rows, None)
    unseen = data.at[newest] > float(card.facts["data_to_s"])
    if unseen.sum() < MIN_COMPARED:
        return False, f"only {unseen.sum()} sales are newer than what the champion has learnt from"
    theirs, ours = _errors(fitted, champion.ensemble, data, newest, unseen)
    verdict = f"log error {ours:.4f} against the champion's {theirs:.4f} on {unseen.sum()} newer sales"
    return ours <= theirs, verdict


def _errors(
    fitted: Fitted, champion: Ensemble, data: Examples, newest: slice, unseen: NDArray[np.bool_]
) -> tuple[float, float]:
    y = data.y[newest][unseen]
    theirs = champion.predict(data.X[newest][unseen])
    ours = fitted.newest_forecast[unseen]
    return float(np.mean(np.abs(y - theirs))), float(np.mean(np.abs(y - ours)))


def _asks(fitted: Fitted, data: Examples, asked: Sequence[tuple[Axie, float]]) -> Asks:
    """How asks lie around forecasts, from listings seen by the finished model at the end of its data."""
    ensemble, state, now = fitted.ensemble, data.state, float(data.at[-1])
    sigma = ensemble.scale(data.X[-fitted.metrics.rows :]) * ensemble.residuals.spread
    if not asked:
        return Asks.fit(sigma, np.empty(0))
    matrix = np.array([features(state, from_axie(axie), now) for axie, _ in asked])
    forecast = state.level + ensemble.predict(matrix)
    return Asks.fit(sigma, np.log([usd for _, usd in asked]) - forecast)


def _facts(fitted: Fitted, data: Examples) -> dict[str, Any]:
    return {
        "rows": len(data.y),
        "data_from": _iso(data.at[0]),
        "data_to": _iso(data.at[-1]),
        "data_to_s": float(data.at[-1]),
        "metrics": asdict(fitted.metrics),
        "members": fitted.members,
        "features": len(NAMES),
        "training_seconds": round(fitted.seconds, 1),
    }


def _name(data: Examples) -> str:
    digest = hashlib.sha256(data.y.tobytes()).hexdigest()[:6]
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{digest}"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat(timespec="seconds")
