"""Which token each of many sales was paid in, by how likely its price in dollars would be.

The same rule as `pipeline.market.payment` applies to one sale, over columns: what an axie of that class
and collection costs is learnt from the sales whose token is plain, and tried on the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.market.payment import CERTAIN, SALES_BY_TOKEN, SELDOM_SPREAD
from pipeline.market.payment import SPREAD as LEAST_SPREAD
from pipeline.market.traits import Collection
from pipeline.market.values import Rates, Token

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOKENS = tuple(Token)
STRAYS = 0.01  # the share of sales at prices that nothing explains, spread out this much:
STRAY_SPREAD = 2.5
ENOUGH = 20  # sales from which a group's middle is believed

# Median sales of 2025 and 2026, common and by collection (docs/marketplace.md, "Economics"): where the
# sales at hand are too few to say.
COMMON_USD = 2.0
USUAL_USD = {
    Collection.MYSTIC: 2517.0,
    Collection.ORIGIN: 603.0,
    Collection.SHINY: 197.0,
    Collection.CHRISTMAS: 193.0,
    Collection.MEO: 182.0,
    Collection.JAPANESE: 64.0,
    Collection.NIGHTMARE: 26.0,
    Collection.SUMMER: 14.0,
}
_SHARES = np.array([SALES_BY_TOKEN[token] for token in TOKENS], dtype=np.float64)
_LOG_PRIOR = np.log(_SHARES / _SHARES.sum())
# Above this an amount cannot be in a token of few decimals: a million dollars of USDC.
_LARGE = 1e12


def dollars_by_token(amounts: Sequence[int], rates: Sequence[Rates]) -> Floats:
    """Log of each amount in dollars for each of `TOKENS`, (rows, 5); minus infinity without a rate."""
    amount = np.array([float(value) for value in amounts], dtype=np.float64)
    table = {id(held): [held.usd.get(token, 0.0) for token in TOKENS] for held in rates}
    usd = np.array([table[id(held)] for held in rates], dtype=np.float64).reshape(-1, len(TOKENS))
    units = np.array([10.0**token.decimals for token in TOKENS])
    with np.errstate(divide="ignore"):
        values: Floats = np.log(np.maximum(amount, 0.0)[:, None] / units * usd)
    return values


def infer(log_usd: Floats, groups: Sequence[tuple[str, Collection | None]]) -> Ints:
    """The index into `TOKENS` of each row's token, -1 where none is `CERTAIN`.

    `log_usd` is that of `dollars_by_token`, `groups` each row's class and collection.
    """
    if not len(log_usd):
        return np.zeros(0, dtype=np.int64)
    collections = [kind for _, kind in groups]
    common = np.array([kind is None for kind in collections])
    enough = int(common.sum()) >= ENOUGH
    level = _level(log_usd[common]) if enough else np.log(COMMON_USD)
    middle = np.array([np.log(USUAL_USD[kind]) if kind else level for kind in collections])
    spread = np.where(common & enough, LEAST_SPREAD, SELDOM_SPREAD)
    tokens = _certain(log_usd, middle, spread)
    for _ in range(2):  # the second pass refines what the plain ones of the first have taught
        middle, spread = _learnt(log_usd, tokens, groups, middle, spread)
        tokens = _certain(log_usd, middle, spread)
    return tokens


def _level(log_usd: Floats) -> float:
    """The log of the market's middle price, reading large amounts as WETH and small ones as USDC.

    Nine sales of ten are, so that the median is theirs.
    """
    weth, usdc = log_usd[:, TOKENS.index(Token.WETH)], log_usd[:, TOKENS.index(Token.USDC)]
    million = np.log(_LARGE / 10**Token.USDC.decimals)
    guess = np.where(usdc < million, usdc, weth)
    finite = guess[np.isfinite(guess)]
    return float(np.median(finite)) if len(finite) else 0.0


def _certain(log_usd: Floats, middle: Floats, spread: Floats) -> Ints:
    distance = log_usd - middle[:, None]
    near = _log_density(distance, spread[:, None]) + np.log1p(-STRAYS)
    far = _log_density(distance, STRAY_SPREAD) + np.log(STRAYS)
    scores = np.logaddexp(near, far) + _LOG_PRIOR
    best = scores.argmax(axis=1)
    top = scores[np.arange(len(scores)), best]
    possible = np.isfinite(top)
    relative = np.exp(scores - np.where(possible, top, 0.0)[:, None])
    certain = possible & (relative.sum(axis=1) * CERTAIN <= 1.0)
    return np.where(certain, best, -1)


def _log_density(distance: Floats, spread: Floats | float) -> Floats:
    return -0.5 * (distance / spread) ** 2 - np.log(spread)


def _learnt(
    log_usd: Floats,
    tokens: Ints,
    groups: Sequence[tuple[str, Collection | None]],
    middle: Floats,
    spread: Floats,
) -> tuple[Floats, Floats]:
    """Middle and spread of each row's group, else of its collection, else what they were."""
    middle, spread = middle.copy(), spread.copy()
    known = tokens >= 0
    values = log_usd[np.arange(len(tokens)), np.maximum(tokens, 0)]
    for keys in ([str(kind) for _, kind in groups], [f"{cls} {kind}" for cls, kind in groups]):
        codes = np.unique(keys, return_inverse=True)[1]
        for code in range(codes.max() + 1):
            members = codes == code
            sample = values[members & known]
            if len(sample) >= ENOUGH:
                centre = float(np.median(sample))
                middle[members] = centre
                robust = 1.4826 * float(np.median(np.abs(sample - centre)))
                least = LEAST_SPREAD if groups[int(members.argmax())][1] is None else SELDOM_SPREAD
                spread[members] = max(least, robust)
    return middle, spread
