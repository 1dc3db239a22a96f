"""What else has a price: the tokens that axies are paid in, and a further breeding where its cost is known.

Of each it is kept how far it has moved of late: the sum of its log moves, each fading from when it happened.
Unlike the price itself that stays comparable as the market goes where it has never been, and it is the
same however often the price was looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pipeline.appraisal.memory import DAY
from pipeline.appraisal.subject import BREEDING, NAN, Subject
from pipeline.market.values import Token

FADE_S = 4 * DAY
TOKENS = tuple(token.value for token in Token if token is not Token.USDC)  # whose price is a dollar
MOVES = (*TOKENS, "breeding")
# Seconds since 1970, the log price in dollars, and its moves as faded by then.
Quote = tuple[float, float, float]


class Quotes:
    """Prices in dollars by name, with their moves of late."""

    def __init__(self, held: Mapping[str, Quote] | None = None) -> None:
        self.held = dict(held or {})

    def add(self, quotes: Sequence[tuple[str, float]], at: float) -> None:
        """Take in prices in dollars as of a time, in seconds since 1970, unless newer ones are held."""
        for name, usd in quotes:
            price = math.log(usd)
            last, before, moved = self.held.get(name, (at, price, 0.0))
            if at >= last:
                self.held[name] = at, price, moved * math.exp((last - at) / FADE_S) + price - before

    def moves(self, subject: Subject, at: float) -> list[float]:
        """The moves of `MOVES` as of a time, NaN where no price is known; of breeding, the subject's next."""
        breeding = BREEDING[subject.breed_count] if subject.breed_count < len(BREEDING) else ""
        return [self._moved(name, at) for name in (*TOKENS, breeding)]

    def _moved(self, name: str, at: float) -> float:
        if (quote := self.held.get(name)) is None:
            return NAN
        last, _, moved = quote
        return moved * math.exp(min(0.0, last - at) / FADE_S)
