"""What an axie is really worth: the latent fair value that no query can reach.

The logarithm of a fair value in USD is `log(median of the month) + level(t) + relative value`, and the
relative value is a sum of effects of what can be seen, plus a small hidden quality. Sellers know it, badly.
"""

import math
import random
from typing import Final

import numpy as np
import numpy.typing as npt

from sandbox.marketplace.config import COLLECTION_MEDIANS, Month

Floats = npt.NDArray[np.float64]

HIDDEN_SD: Final = 0.10
BANNED: Final = -1.6
EGG: Final = -0.3
COLLECTIONS: Final = tuple(COLLECTION_MEDIANS)
"""Number of a collection = position + 1; 0 is none."""


class BuildScale:
    """Turns the raw score of a build into a log value with the month's own skew.

    The scores of a reference sample are ranked, and ranks mapped on the month's quantiles: most builds sit
    just above the floor, and a long tail is worth several times as much.
    """

    def __init__(self, month: Month, reference: Floats) -> None:
        ranks = np.array([0.0, 0.02, 0.25, 0.50, 0.75, 0.93, 1.0])
        low, high = math.log(month.p25 / month.median), math.log(month.p75 / month.median)
        top = math.log(month.p95 / month.median)
        values = np.array(
            [low - 0.25, low - 0.08, low * 0.5 - 0.08, -0.12, high - 0.23, top * 0.72 - 0.36, top * 1.20]
        )
        # Inside the published quantiles: the scatter of asks and of other traits widens them again.
        self._scores = np.quantile(reference, np.linspace(0, 1, 201))
        self._values = np.interp(np.linspace(0, 1, 201), ranks, np.maximum.accumulate(values))

    def __call__(self, scores: Floats) -> Floats:
        """Log value relative to the market's median."""
        return np.interp(scores, self._scores, self._values)


def relative_value(
    *,
    build: Floats,
    collection: npt.NDArray[np.int64],
    specials: npt.NDArray[np.int64],
    breed_count: npt.NDArray[np.int64],
    purity: npt.NDArray[np.int64],
    level: npt.NDArray[np.int64],
    evolved: npt.NDArray[np.int64],
    egg: npt.NDArray[np.bool_],
    banned: npt.NDArray[np.bool_],
    quality: Floats,
    median: float,
) -> Floats:
    """Log value relative to the market's level of many axies at once."""
    premium = np.array([0.0, *(math.log(usd / median) for usd in COLLECTION_MEDIANS.values())])[collection]
    rare = collection > 0
    base = np.where(rare, premium + 0.35 * (build - 0.3) + 0.30 * np.maximum(specials - 1, 0), build)
    traits = (
        0.025 * (breed_count - 2.0)
        + 0.0025 * (level - 6.0)
        + 0.0010 * (level - 1.0) * (breed_count - 2.0) / 2.0  # what a release pays grows with both
        + 0.0016 * (purity - 70.0)
        + 0.05 * evolved
    )
    traits = np.where(rare, 0.4 * traits, traits)
    value = np.where(egg, EGG, base + traits) + quality
    return value + np.where(banned, BANNED, 0.0)


def draw_ask(rng: random.Random) -> float:
    """Log of a new ask over the fair value: a core of informed sellers, many who dream, a few who err."""
    who = rng.random()
    if who < 0.035:
        return rng.gauss(-0.40, 0.16)  # in a hurry, or unaware
    if who < 0.039:
        return rng.gauss(-1.5, 0.5)  # a slip of the finger
    if who < 0.62:
        return rng.gauss(0.05, 0.12)
    return 0.10 + rng.expovariate(1 / 0.49)


def auction_terms(rng: random.Random, log_ask: float) -> tuple[float, tuple[float, float]]:
    """An auction around an ask: log of its start over fair, and (log of end over start, seconds)."""
    above, below = rng.uniform(0.05, 0.6), rng.uniform(0.05, 0.5)
    duration = rng.choice((1, 2, 3, 7, 14)) * 86_400.0
    if rng.random() < 0.1:  # a rising price
        return log_ask - below, (above + below, duration)
    return log_ask + above, (-above - below, duration)


class Drift:
    """A mean-reverting random walk in log space on the grid of the economy's steps, drawn as time passes."""

    def __init__(self, rng: random.Random, *, sd: float, days: float, step: float) -> None:
        self._rng = rng
        self._keep = math.exp(-step / (days * 86_400))
        self._kick = sd * math.sqrt(1 - self._keep**2)
        self.value = rng.gauss(0, sd * 0.5)

    def step(self) -> float:
        """One step on; returns the new deviation from the mean."""
        self.value = self.value * self._keep + self._rng.gauss(0, self._kick)
        return self.value


def day_cycle(t: float) -> float:
    """Activity of buyers and sellers by the hour of the day, about 1 on average; busiest at 15 h UTC."""
    return 1 + 0.35 * math.cos((t % 86_400 / 3_600 - 15) * math.pi / 12)
