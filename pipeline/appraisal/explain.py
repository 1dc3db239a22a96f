"""What makes a price, in dollars: the market's level, the class, the build, breeds, rarity and the rest.

The features are put in place group by group, from a row with nothing remarkable to the axie itself, and
what the forecast moves at each step is that group's share; so the shares add up to the forecast exactly.
The order of the groups is fixed, from what is common to many axies to what is this one's own.
"""

from __future__ import annotations

import math

import numpy as np

from models.members import Floats
from models.serving import Ensemble
from pipeline.appraisal.features import NAMES
from pipeline.appraisal.subject import SLOTS
from pipeline.signal import Contribution

LEVEL = "market level"
ASK = "what the ask tells"
# What each group's features begin with, the first that fits taking a feature.
_GROUPS: dict[str, tuple[str, ...]] = {
    "rarity": ("collection", "special_parts", "skinned_parts", "body_skin", "id"),
    "own last sale": ("own_",),
    "market's moves": ("level_", "hour_", "weekday_", "moved_"),
    "standing listings": ("seller_", *(f"{kind}_{what}" for kind in (
        "build", "battle", "class_breed_pure", "class_breed") for what in ("floor", "depth"))),
    "breed count": ("breed_count", "class_breed_mean", "class_breed_weight"),
    "other traits": (
        "pure_parts", "purity", "level", "hp", "speed", "skill", "morale", "evolved_parts",
        "first_alike", "second_alike", "class_breed_pure"),
    "build": (*SLOTS, "expected", "build", "battle", "parts_", "pairs_", "triples_", "strength_"),
    "class": ("class",),
}  # fmt: skip
# The order in which they are put in place.
_ORDER = (
    "class", "build", "breed count", "other traits", "rarity", "standing listings",
    "market's moves", "own last sale",
)  # fmt: skip


def _columns() -> list[list[int]]:
    group_of = [next(group for group, starts in _GROUPS.items() if name.startswith(starts)) for name in NAMES]
    return [[index for index, own in enumerate(group_of) if own == group] for group in _ORDER]


_COLUMNS = _columns()


def contributions(
    ensemble: Ensemble, row: Floats, level: float, centre: float, final: float
) -> tuple[Contribution, ...]:
    """The shares of a forecast, in dollars, which add up to exp(`final`).

    `row` (features,) is the axie's, `level` the market's, `centre` the log price that the ensemble
    forecasts, `final` the one that is told in the end, after errors of late and the ask have had their say.
    """
    steps = np.empty((len(_ORDER) + 1, len(row)))
    steps[0] = ensemble.typical
    for index, columns in enumerate(_COLUMNS):
        steps[index + 1] = steps[index]
        steps[index + 1, columns] = row[columns]
    path = [math.exp(level + value) for value in ensemble.predict(steps[:-1]).tolist()]
    path += [math.exp(centre), math.exp(final)]
    names = (*_ORDER, ASK)
    shares = [Contribution(LEVEL, path[0])]
    shares += [
        Contribution(name, after - before)
        for name, before, after in zip(names, path[:-1], path[1:], strict=True)
    ]
    return tuple(share for share in shares if share.usd != 0.0)
