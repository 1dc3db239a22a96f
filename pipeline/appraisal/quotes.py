"""What else has a price: the tokens that axies are paid in, and a further breeding where its cost is known.

Of each it is kept how far it has moved of late: the sum of its log moves, each fading from when it happened.
Unlike the price itself that stays comparable as the market goes where it has never been. What happened
between two looks is taken to have happened evenly, so that it matters little how often a price is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.appraisal.memory import DAY
from pipeline.appraisal.subject import BREEDING, NAN, Subject
from pipeline.market.values import Token

FADE_S = 4 * DAY
SILENT_S = 8 * DAY  # what has not been told for so long is unknown
MOST = 1.0  # a log price that is farther from the one before is no move: one of the two is a mistake
TOKENS = tuple(token.value for token in Token if token is not Token.USDC)  # whose price is a dollar
MOVES = (*TOKENS, "breeding")
_NAMES = frozenset((*TOKENS, *BREEDING))
# Seconds since 1970, the log price in dollars, and its moves as faded by then.
Quote = tuple[float, float, float]


class Quotes:
    """Prices in dollars by name, with their moves of late."""

    def __init__(self, held: Mapping[str, Quote] | None = None) -> None:
        self.held = dict(held or {})

    def add(self, quotes: Sequence[tuple[str, float]], at: float) -> None:
        """Take in prices in dollars as of a time, in seconds since 1970, unless newer ones are held."""
        for name, usd in quotes:
            if name not in _NAMES:
                continue
            price = math.log(usd)
            last, before, moved = self.held.get(name, (at, price, 0.0))
            if at >= last:
                gap, step = (at - last) / FADE_S, price - before
                faded = -math.expm1(-gap) / gap if gap > 0 else 1.0  # the mean over the gap
                step = step * faded if abs(step) <= MOST else 0.0
                self.held[name] = at, price, moved * math.exp(-gap) + step

    def moves(self, subject: Subject, at: float) -> list[float]:
        """The moves of `MOVES` as of a time, NaN where no price is known; of breeding, the subject's next."""
        return [self._moved(name, at) for name in (*TOKENS, next_breeding(subject))]

    def _moved(self, name: str | None, at: float) -> float:
        quote = self.held.get(name) if name else None
        if quote is None or at - quote[0] > SILENT_S:
            return NAN
        last, _, moved = quote
        return moved * math.exp(min(0.0, last - at) / FADE_S)


def next_breeding(subject: Subject) -> str | None:
    """The name of the cost of an axie's next breeding; None where there is no further one."""
    return BREEDING[subject.breed_count] if subject.breed_count < len(BREEDING) else None
