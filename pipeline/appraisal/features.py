"""The features of a subject at a moment: the market's state, the comparables and the traits.

One vector layout for training and serving. Everything about prices is relative to the market's level,
and NaN stands for whatever is unknown.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipeline.appraisal.state import CHAIN, DAY, HORIZONS_S, LEVEL, SHRINKAGE, Lookup, MarketState, keys
from pipeline.appraisal.subject import CLASSES, NAN, SLOTS, Subject
from pipeline.market.traits import Collection

_COLLECTIONS = tuple(kind.value for kind in Collection)
_TRAITS = (
    "breed_count", "pure_parts", "purity", "level", "hp", "speed", "skill", "morale", "evolved_parts",
    "special_parts",
)  # fmt: skip
_DETAILED = ("build_breed", "build", "battle", "class_breed_pure")

NAMES: tuple[str, ...] = (
    "expected",
    *(f"{kind}_mean" for kind in CHAIN),
    *(f"{kind}_weight" for kind in CHAIN),
    *(f"{kind}_{what}" for kind in _DETAILED for what in ("age", "spread", "last", "median", "low")),
    *(f"part_{what}" for what in ("mean", "low", "high", "weight")),
    *(f"{slot}_mean" for slot in SLOTS),
    "collection_mean",
    "collection_weight",
    "own_last",
    "own_age",
    *(f"level_{horizon / 3600:g}h" for index, horizon in enumerate(HORIZONS_S) if index != LEVEL),
    "hour_sin",
    "hour_cos",
    *_TRAITS,
    "low_id",
    *(f"is_{name.lower()}" for name in CLASSES),
    *(f"is_{name}" for name in _COLLECTIONS),
)


def features(state: MarketState, subject: Subject, at: float) -> NDArray[np.float64]:
    """The vector (len(NAMES),) of a subject as of `at`, seconds since 1970."""
    found = keys(subject)
    looks = {kind: state.look(key, at) for kind, key in found.items()}
    values: list[float] = [state.expected(subject, at)]
    values += [looks[kind].mean for kind in CHAIN]
    values += [math.log1p(looks[kind].weight) for kind in CHAIN]
    for kind in _DETAILED:
        values += _detail(looks[kind])
    values += _parts(looks)
    values += _collection(looks)
    values += _own(state, subject, at)
    values += [state.levels[index] - state.level for index in range(len(HORIZONS_S)) if index != LEVEL]
    turn = 2 * math.pi * (at % DAY) / DAY
    values += [math.sin(turn), math.cos(turn)]
    values += [float(getattr(subject, name)) for name in _TRAITS]
    values.append(math.log10(max(subject.axie_id, 1)))
    values += [float(subject.class_ == name) for name in CLASSES]
    values += [float(subject.collection == name) for name in _COLLECTIONS]
    return np.array(values)


def _detail(look: Lookup) -> list[float]:
    if not look.recent:
        return [NAN] * 5
    prices = sorted(relative for _, relative, _, _ in look.recent)
    middle = len(prices) // 2
    median = prices[middle] if len(prices) % 2 else (prices[middle - 1] + prices[middle]) / 2
    spread = look.spread if look.weight > 1.5 else NAN
    return [math.log1p(look.age_s / 3600), spread, look.recent[-1][1], median, prices[0]]


def _parts(looks: dict[str, Lookup]) -> list[float]:
    shrunk, weight = [], 0.0
    middle = looks["class"].mean
    for slot in SLOTS:
        look = looks[slot]
        if look.weight > 0 and not math.isnan(middle):
            share = look.weight / (look.weight + 4 * SHRINKAGE)
            shrunk.append(middle + (look.mean - middle) * share)
        else:
            shrunk.append(NAN)
        weight += math.log1p(look.weight)
    known = [value for value in shrunk if not math.isnan(value)]
    if not known:
        return [NAN, NAN, NAN, 0.0, *shrunk]
    return [sum(known) / len(known), min(known), max(known), weight, *shrunk]


def _collection(looks: dict[str, Lookup]) -> list[float]:
    look = looks.get("collection")
    return [NAN, 0.0] if look is None else [look.mean, math.log1p(look.weight)]


def _own(state: MarketState, subject: Subject, at: float) -> list[float]:
    last = state.own(subject.axie_id)
    if last is None:
        return [NAN, NAN]
    return [last[1], math.log1p(max(0.0, at - last[0]) / 3600)]
