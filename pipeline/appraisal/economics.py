"""The economics of a flip: what buying at one price and selling at another would leave.

Net profit = resale × (1 − fee) − ask − gas, in dollars. Serving, the contest of models and the backtest
all reckon with these few lines, so that what is tested is what a signal promises.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.distribution import Residuals
from models.members import Floats
from pipeline.signal import Thresholds


class Terms(Struct, frozen=True):
    """What a flip costs: the marketplace's share of the resale, and gas in dollars, of buying and selling."""

    fee: float = 0.0425
    gas_usd: float = 0.01

    def net(self, resale_usd: Floats, ask_usd: Floats) -> Floats:
        """What is left of resales, (n,), bought at asks, (n,)."""
        return resale_usd * (1 - self.fee) - ask_usd - self.gas_usd


class Odds(NamedTuple):
    """What flips promise, (n,) each: expected net in dollars, its ratio to the cost, chance of a gain."""

    net_usd: Floats
    return_: Floats
    probability: Floats

    def reach(self, thresholds: Thresholds) -> NDArray[np.bool_]:
        """Which promise enough, the chance of a sale aside: (n,)."""
        enough: NDArray[np.bool_] = (
            (self.net_usd >= thresholds.min_net_usd)
            & (self.return_ >= thresholds.min_return)
            & (self.probability >= thresholds.min_probability)
        )
        return enough


def odds(residuals: Residuals, centre: Floats, scale: Floats, cost_usd: Floats, fee: Floats | float) -> Odds:
    """From the distributions of resale prices (centre and scale of their logs, (n,)) and what buying costs.

    `fee` is of the resale, one for all or one for each.
    """
    net = residuals.atoms(centre, scale).mean(axis=1) * (1 - fee) - cost_usd
    return Odds(net, net / cost_usd, residuals.above((np.log(cost_usd / (1 - fee)) - centre) / scale))
