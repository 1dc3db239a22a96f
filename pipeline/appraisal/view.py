"""What is known of subjects at a moment: the arrays that features are made of, and what their columns are."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from pipeline.appraisal.book import WIDTH
from pipeline.appraisal.keys import KINDS, NUMBER
from pipeline.appraisal.memory import DAY, NEWEST, Floats, Ints
from pipeline.appraisal.quotes import MOVES
from pipeline.appraisal.subject import CATEGORIES, NAN, SLOTS

HORIZONS_S = (900.0, 3600.0, 6 * 3600.0, DAY, 4 * DAY)
LEVEL = 2  # the horizon whose level prices are relative to
# Tier, energy, attack and defence of a part.
Strength = tuple[float, float, float, float]
UNKNOWN: Strength = (NAN, NAN, NAN, NAN)

# Coarse to fine. Each finer look-up is shrunk towards the one before it.
CHAIN = (
    "collection", "class", "class_breed", "class_breed_pure", "battle", "battle_breed", "build",
    "build_breed",
)  # fmt: skip
# Of these kinds the newest sales are kept, the most alike first.
LIKENESS = {
    "build_breed": "same build and breeds",
    "build": "same build",
    "battle_breed": "same battle parts and breeds",
    "battle": "same battle parts",
    "collection": "same collection",
    "class_breed_pure": "same class, breeds and pure parts",
    "class_breed": "same class and breeds",
}
LISTED = np.array([NUMBER[kind] for kind in LIKENESS])


@dataclass(frozen=True, slots=True)
class View:
    """What the state knew of n subjects, each as of a moment of its own.

    `at` (n,) in seconds since 1970; `levels` (n, horizons); `expected` (n,) the relative log price by
    comparables alone; `sums` (n, kinds, 4) as of when each was last added to; `newest` (n, listed kinds,
    NEWEST, 2) times and relative log prices; `own` (n, 2) the axie's own last sale; `standing` (n, WIDTH)
    what else stands for sale (`Book.look`); `strengths` (n, parts, 4) tier, energy, attack and defence of
    each part; `moves` (n, MOVES) of other prices of late (`Quotes.moves`); `codes` (n, categories) numbers
    of class, parts and collection. NaN, and minus infinity for times, is unknown. `listed` (n, listed
    kinds) are rows of the memory, good until the state moves on.
    """

    at: Floats
    levels: Floats
    expected: Floats
    sums: Floats
    newest: Floats
    own: Floats
    standing: Floats
    strengths: Floats
    moves: Floats
    codes: Floats
    listed: Ints

    @classmethod
    def empty(cls, count: int) -> View:
        """Room for so many subjects."""
        return cls(
            np.empty(count),
            np.empty((count, len(HORIZONS_S))),
            np.empty(count),
            np.empty((count, len(KINDS), 4)),
            np.empty((count, len(LISTED), NEWEST, 2)),
            np.empty((count, 2)),
            np.empty((count, WIDTH)),
            np.empty((count, len(SLOTS), len(UNKNOWN))),
            np.empty((count, len(MOVES))),
            np.empty((count, len(CATEGORIES))),
            np.empty((count, len(LISTED)), dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: slice) -> View:
        return View(*(getattr(self, field.name)[rows] for field in fields(self)))
