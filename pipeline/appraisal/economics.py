"""The economics of a flip: what buying at one price and selling at another would leave.

Net profit = resale × (1 − fee) − ask − gas, in dollars. Serving and backtest both reckon with these few
lines, so that what a backtest shows is what a signal would have promised.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from models.distribution import Residuals


class Odds(NamedTuple):
    """What a flip promises: the expected net in dollars, its ratio to the cost, the chance of a gain."""

    net_usd: float
    return_: float
    probability: float


def odds(residuals: Residuals, resale: tuple[float, float], cost_usd: float, fee: float) -> Odds:
    """From the distribution of the resale price (centre and scale of its log) and what buying costs."""
    centre, scale = resale
    probability = residuals.above((math.log(cost_usd / (1 - fee)) - centre) / scale)
    net = float(residuals.atoms(centre, scale).mean()) * (1 - fee) - cost_usd
    return Odds(net, net / cost_usd, probability)
