"""What an ask tells of the value: the seller knows things about the axie that no table holds.

Picking listings because they look cheap picks those that are worth less than they look. The remedy is
to treat the ask as one more, noisy, observation of the value: where comparables are many it weighs little,
where the model knows little it weighs much. What sales scatter around a value cannot be narrowed by it.

Asks are lopsided: many sellers dream, few sell below what they hold to be the value. So it is the lower
side alone that tells how closely an ask follows the value, and an ask far above says little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Where no listings have been collected yet: asks lie 25 % above value on average (docs/marketplace.md).
USUAL_BIAS = 0.22
USUAL_SPREAD = 0.3
# Trusting asks more than this cost simulated markets more bargains than it saved mistakes.
LEAST_SPREAD = 0.4
ENOUGH = 200
TAIL = 0.05  # of asks are slips of the finger, and of forecasts hopeless
TAIL_DEVIATIONS = 1.645  # of a normal distribution, that share lies so far below the middle
NOISE_LEVEL = 0.2  # the error of the best known fifth is what sales scatter anyway
LEAST_DOUBT = 0.08  # no value is known better than this, in log price


@dataclass(frozen=True, slots=True)
class Asks:
    """How asks lie around values, in log price: `bias` above, with standard deviation `spread` below that.

    `noise` is the standard deviation of sales around the value itself.
    """

    bias: float
    spread: float
    noise: float

    @classmethod
    def fit(cls, sigma: Floats, gaps: Floats) -> Asks:
        """From the forecasts' standard deviations (n,) and log(ask) − log(forecast) of listings (m,)."""
        noise = float(np.quantile(sigma, NOISE_LEVEL))
        if len(gaps) < ENOUGH:
            return cls(USUAL_BIAS, USUAL_SPREAD, noise)
        low, middle = np.quantile(gaps, [TAIL, 0.5])
        observed = float(middle - low) / TAIL_DEVIATIONS
        doubt = float(np.mean(np.minimum(sigma, np.quantile(sigma, 1 - TAIL)) ** 2)) - noise**2
        spread = math.sqrt(max(observed**2 - max(doubt, 0.0), LEAST_SPREAD**2))
        return cls(float(middle), spread, noise)

    def posterior(self, log_price: float, sigma: float, log_ask: float) -> tuple[float, float]:
        """Forecast and its standard deviation after the ask has been seen."""
        noise = min(self.noise, sigma)
        doubt = max(sigma**2 - noise**2, LEAST_DOUBT**2)
        weight = doubt / (doubt + self.spread**2)
        centre = log_price + weight * min(log_ask - self.bias - log_price, self.spread)
        return centre, math.sqrt(doubt * (1 - weight) + noise**2)
