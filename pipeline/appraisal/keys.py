"""The keys under which a subject's sales are remembered, from whole classes down to one exact build.

Every attribute of a subject has a random 64-bit number, and the key of a set of attributes is the sum of
theirs and of the set's own: all keys of a page of listings are one small matrix product, and two keys
meet by chance once in ten billion states.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations

import numpy as np

from pipeline.appraisal.memory import NONE, Ints
from pipeline.appraisal.subject import SLOTS, Subject

_BATTLE = ("mouth", "horn", "back", "tail")
# What of a subject each kind of key looks at. Collectibles are another market: the collection is part of
# every key, for nothing that they share with a common axie is comparable.
_TAG, _BREED, _PURE = "tag", "breed_count", "pure_parts"
KINDS: dict[str, tuple[str, ...]] = {
    "class": (_TAG,),
    "class_breed": (_TAG, _BREED),
    "class_breed_pure": (_TAG, _BREED, _PURE),
    "battle": (_TAG, *_BATTLE),
    "battle_breed": (_TAG, *_BATTLE, _BREED),
    "build": (_TAG, *SLOTS),
    "build_breed": (_TAG, *SLOTS, _BREED),
    "collection": ("collection",),
    **{slot: (_TAG, slot) for slot in SLOTS},
    **{f"{one}_{other}": (_TAG, one, other) for one, other in combinations(SLOTS, 2)},
    **{"_".join(three): (_TAG, *three) for three in combinations(_BATTLE, 3)},
}
NUMBER = {kind: index for index, kind in enumerate(KINDS)}
PARTS = [NUMBER[slot] for slot in SLOTS]
PAIRS = [NUMBER[f"{one}_{other}"] for one, other in combinations(SLOTS, 2)]
TRIPLES = [NUMBER["_".join(three)] for three in combinations(_BATTLE, 3)]

_ATTRIBUTES = (_TAG, "collection", *SLOTS, _BREED, _PURE)
_INCLUDED = np.array(
    [[name in wanted for wanted in KINDS.values()] for name in _ATTRIBUTES], dtype=np.int64
)  # (attributes, kinds)


def keys(subjects: Sequence[Subject]) -> Ints:
    """The keys of each subject by kind, (n, len(KINDS)); `NONE` where it has none of that kind."""
    numbers = np.array([_numbers(subject) for subject in subjects], dtype=np.int64)
    found: Ints = numbers @ _INCLUDED + _SALTS  # wraps around, which is as good as any other mixing
    common = [index for index, subject in enumerate(subjects) if not subject.collection]
    found[common, NUMBER["collection"]] = NONE
    return found


def key(subject: Subject, kind: str) -> int:
    """One key of a subject; the same in every process."""
    return int(keys([subject])[0, NUMBER[kind]])


def _numbers(subject: Subject) -> tuple[int, ...]:
    pure = subject.pure_parts
    return (
        _number(f"{subject.collection}:{subject.class_}"),
        _number(subject.collection),
        *map(_number, subject.parts),
        _number(f"breed:{subject.breed_count}"),
        _number("pure:" if math.isnan(pure) else f"pure:{pure:.0f}"),
    )


@lru_cache(maxsize=8192)
def _number(attribute: str) -> int:
    digest = blake2b(attribute.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


_SALTS = np.array([_number(f"kind:{kind}") for kind in KINDS], dtype=np.int64)
