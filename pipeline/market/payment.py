"""Which token a sale was paid in, when the feed tells only the amount.

The tokens' units differ by powers of ten and their dollar values by factors of thousands, so the amount
nearly always makes sense in one of them only. Where two would do (AXS and WRON lie within a factor of
four or so) the sale is better left out than guessed.
"""

from __future__ import annotations

import math

from pipeline.market.values import Price, Rates, Token

# Sales of one day by token (docs/marketplace.md, "Payment tokens").
SALES_BY_TOKEN = {Token.WETH: 4332, Token.USDC: 3318, Token.AXS: 290, Token.WRON: 207, Token.SLP: 12}
# Of the log price around what is expected of an axie: a build's own price differs that much from its class's.
SPREAD = 1.2
SELDOM_SPREAD = 1.8  # the same among collectibles
CERTAIN = 0.98
FAR = 5.0  # standard deviations
_TOTAL = sum(SALES_BY_TOKEN.values())


def paid_in(
    amount: int, rates: Rates, expected_usd: float, spread: float, *, certain: float = CERTAIN
) -> Price | None:
    """The amount with the token it was paid in, or None if that is less than `certain`.

    `expected_usd` is about what such an axie costs and `spread` the standard deviation, in log price, to
    allow around it.
    """
    if amount <= 0 or expected_usd <= 0:
        return None
    scores: dict[Token, float] = {}
    distances: dict[Token, float] = {}
    for token, count in SALES_BY_TOKEN.items():
        if token not in rates.usd:
            continue
        usd = Price(amount, token).usd(rates)
        distances[token] = abs(math.log(usd) - math.log(expected_usd)) / spread
        scores[token] = math.log(count / _TOTAL) - distances[token] ** 2 / 2
    best = max(scores, key=scores.__getitem__)
    if distances[best] > FAR:  # no token makes sense of this amount
        return None
    share = 1.0 / sum(math.exp(score - scores[best]) for score in scores.values())
    return Price(amount, best) if share >= certain else None
