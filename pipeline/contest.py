"""The contest of two models: scored side by side on sales that neither has learnt from.

Each forecasts as it would have when serving: its intervals adapt as outcomes arrive, its signals are
priced with what it knows of flips. What one is better by is held against chance by a paired bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from models.distribution import Calibrator
from models.members import Floats
from pipeline.appraisal.economics import Terms, odds
from pipeline.appraisal.flips import Flips
from pipeline.appraisal.memory import Ints
from pipeline.evaluation.metrics import LEVELS, MIDDLE, Metrics, measure, pinball
from pipeline.signal import Thresholds

TERMS = Terms()
DRAWS = 2000
BLOCK = 20  # sales that follow each other err alike, so they are drawn together
SURE = 0.95


@dataclass(frozen=True, slots=True)
class Contestant:
    """A model's word on n sales before it knew their prices: centre and scale of the log price, (n,).

    `errors` are the standardised residuals that its intervals begin with, the newest last.
    """

    centre: Floats
    scale: Floats
    errors: Floats
    flips: Flips

    def quantiles(self, log_usd: Floats) -> Floats:
        """Quantiles of the log price (n, len(LEVELS)), adapting to what came, `log_usd` (n,), as it goes."""
        calibrator = Calibrator(self.errors)
        found = np.empty((len(log_usd), len(LEVELS)))
        for start in range(0, len(log_usd), Calibrator.STEP):
            part = slice(start, start + Calibrator.STEP)
            centre, scale = self.centre[part], self.scale[part]
            found[part] = centre[:, None] + scale[:, None] * calibrator.residuals.quantiles(LEVELS)
            calibrator.add((log_usd[part] - centre) / scale)
        return found

    def signals(self, log_usd: Floats, thresholds: Thresholds) -> np.ndarray:
        """Which of the sales, taken as offers at their price, promise enough: (n,) booleans."""
        centre, scale = self.flips.resale(self.centre, self.scale, log_usd)
        cost = np.exp(log_usd) + TERMS.gas_usd
        return odds(self.flips.residuals, centre, scale, cost, TERMS.fee).reach(thresholds)


class Signals(msgspec.Struct, frozen=True):
    """What signals came to: how many, how many of them were sold on, and their net in dollars.

    `won` is the share of those sold on that paid, None where there are none.
    """

    count: int
    resolved: int
    won: float | None
    net_usd: float


class Scores(msgspec.Struct, frozen=True):
    """A model's figures in a contest."""

    metrics: Metrics
    mae_log: float
    signals: Signals


@dataclass(frozen=True, slots=True)
class Scored:
    """A contestant's figures with what they are made of, sale by sale: losses and net profits, (n,)."""

    scores: Scores
    quantiles: Floats
    losses: Mapping[str, Floats]
    net: Floats


def score(contestant: Contestant, log_usd: Floats, following: Ints) -> Scored:
    """Score a contestant on sales at `log_usd` (n,).

    `following` (n,) is the place of the same axie's next sale among them, −1 where there is none.
    """
    quantiles = contestant.quantiles(log_usd)
    chosen = contestant.signals(log_usd, Thresholds())
    resolved = chosen & (following >= 0)
    net = np.zeros(len(log_usd))
    net[resolved] = TERMS.net(np.exp(log_usd[following[resolved]]), np.exp(log_usd[resolved]))
    error = np.abs(log_usd - quantiles[:, MIDDLE])
    losses = {"error": error, "pinball": pinball(log_usd, quantiles).mean(axis=1), "profit": -net}
    won = float(np.mean(net[resolved] > 0)) if resolved.any() else None
    signals = Signals(int(chosen.sum()), int(resolved.sum()), won, float(net.sum()))
    return Scored(Scores(measure(log_usd, quantiles), float(error.mean()), signals), quantiles, losses, net)


def chance_better(ours: Floats, theirs: Floats, seed: int) -> float:
    """The share of resamples in which our loss (n,) is the smaller one; half of it where they are equal.

    Rows are drawn in pairs, and in blocks of neighbours in time.
    """
    gain = theirs - ours
    blocks = max(1, len(gain) // BLOCK)
    sums = np.array([part.sum() for part in np.array_split(gain, blocks)])
    drawn = np.random.default_rng(seed).integers(0, blocks, (DRAWS, blocks))
    totals = sums[drawn].sum(axis=1)
    return float(np.mean(totals > 0) + np.mean(totals == 0) / 2)
