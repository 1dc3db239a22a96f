"""A book of standing asks that is full, as the bot's is where it has known the market for some days.

The marketplace has more standing asks than the simulated one lists before a measurement; with an empty book
the first 200,000 new ones would be growth that ends, and pricing among few would be quicker than in service.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from models.registry import Registry
from pipeline.appraisal.book import MOST, Ask, Book
from pipeline.appraisal.memory import DAY
from pipeline.appraisal.state import MarketState
from pipeline.objects import open_store

FIRST_AXIE = 2**40  # beyond all that the market lists


def fill(store: Path, key: str) -> int:
    """Make a champion of the one in the folder, its book full; how many asks stand in it then.

    Classes, breed counts and prices are drawn from asks that the champion knew; builds are all different.
    """
    registry = Registry(open_store(f"file:{store}"), key.encode())
    card, artefact = registry.load(registry.champion())
    state, rng = MarketState.restore(artefact["state"]), random.Random(7)
    known, now = list(state.book.dump().values()), time.time()
    asks = {}
    for number in range(MOST):
        like = rng.choice(known)
        keys = [rng.getrandbits(62), rng.getrandbits(62), *like.keys[2:]]
        at = now - DAY * (1 - number / MOST)
        asks[FIRST_AXIE + number] = Ask(at, like.log_usd, f"0x{rng.getrandbits(160):040x}", keys)
    state.book = Book.restore(asks)
    version = f"{card.version}-full"
    registry.save(version, artefact | {"state": state.dump()}, card.facts)
    registry.promote(version)
    return len(state.book)
