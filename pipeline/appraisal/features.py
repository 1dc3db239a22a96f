"""The features of subjects at a moment: the market's state, the comparables and the traits.

One function of arrays makes them for training and for serving, from views of the state: whether it is
handed one listing, a page, or a block of history, the same operations run on each row. Everything about
prices is relative to the market's level, and NaN stands for whatever is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.appraisal.book import STANDING
from pipeline.appraisal.keys import NUMBER, PAIRS, PARTS, TRIPLES
from pipeline.appraisal.memory import AT, DAY, MEMORY_S, NEWEST, Floats, Q, S, W
from pipeline.appraisal.quotes import MOVES
from pipeline.appraisal.state import SHRINKAGE
from pipeline.appraisal.subject import CATEGORIES, NAN, SLOTS, Subject
from pipeline.appraisal.view import CHAIN, HORIZONS_S, LEVEL, LIKENESS, View

_TRAITS = (
    "breed_count", "pure_parts", "purity", "level", "hp", "speed", "skill", "morale", "evolved_parts",
    "special_parts", "first_alike", "second_alike", "skinned_parts", "body_skin",
)  # fmt: skip
_TURNS_S = {"hour": DAY, "weekday": 7 * DAY}
_DETAILED = ("build_breed", "build", "battle_breed", "battle")
_MIXTURES = {"parts": PARTS, "pairs": PAIRS, "triples": TRIPLES}
_MIXED = np.array([kind for kinds in _MIXTURES.values() for kind in kinds])
_ENDS = np.cumsum([len(kinds) for kinds in _MIXTURES.values()]) - 1
_STARTS = np.array([0, *(_ENDS[:-1] + 1)])
_MOVES = np.array([index for index in range(len(HORIZONS_S)) if index != LEVEL])

# The first are numbers of categories, in an order that means nothing.
NAMES: tuple[str, ...] = (
    *CATEGORIES,
    "expected",
    *(f"{kind}_{what}" for what in ("mean", "weight") for kind in CHAIN),
    *(f"{kind}_{what}" for what in ("age", "spread", "last", "middle", "low", "high") for kind in _DETAILED),
    *(f"{mixed}_{what}" for what in ("mean", "low", "high", "weight") for mixed in _MIXTURES),
    *(f"{slot}_mean" for slot in SLOTS),
    "own_last",
    "own_age",
    *(f"level_{HORIZONS_S[index] / 3600:g}h" for index in _MOVES),
    *(f"{kind}_{what}" for kind in STANDING for what in ("floor", "depth")),
    "seller_listings",
    *(f"strength_{what}" for what in ("tier", "energy", "attack", "defence", "least_tier", "most_tier")),
    *(f"moved_{name}" for name in MOVES),
    *(f"{turn}_{what}" for turn in _TURNS_S for what in ("sin", "cos")),
    *_TRAITS,
    "id",
)
_CHAIN = np.array([NUMBER[kind] for kind in CHAIN])
_SUMS = np.array([NUMBER[kind] for kind in _DETAILED])
_LISTS = np.array([list(LIKENESS).index(kind) for kind in _DETAILED])
_PARTS = np.array(PARTS)


def features(view: View, subjects: Sequence[Subject]) -> Floats:
    """The features (n, len(NAMES)) of the subjects that a view is of."""
    mean, weight = _faded(view)
    columns = (
        view.codes,
        view.expected[:, None],
        mean.take(_CHAIN, axis=1),
        np.log1p(weight.take(_CHAIN, axis=1)),
        *_details(view, mean, weight),
        *_mixed(mean, weight),
        mean.take(_PARTS, axis=1),
        *_own(view),
        view.levels.take(_MOVES, axis=1) - view.levels[:, LEVEL, None],
        view.standing,
        view.strengths.sum(axis=1),
        view.strengths[..., 0].min(axis=1, keepdims=True),
        view.strengths[..., 0].max(axis=1, keepdims=True),
        view.moves,
        *_turns(view.at),
        np.array([_traits(subject) for subject in subjects]),
    )
    found: Floats = np.concatenate(columns, axis=1)
    return found


def _faded(view: View) -> tuple[Floats, Floats]:
    """Mean relative log price under each key, and how much of it has not faded: each (n, kinds)."""
    sums = view.sums
    keep = np.exp(np.minimum(sums[..., AT] - view.at[:, None], 0.0) / MEMORY_S)
    held = sums[..., W]
    mean: Floats = np.where(held > 0, sums[..., S], NAN) / np.maximum(held, 1e-300)
    return mean, held * keep


def _details(view: View, mean: Floats, weight: Floats) -> tuple[Floats, ...]:
    """Of the finest likenesses: age and spread; last, middle, lowest and highest of the newest sales."""
    sums = view.sums.take(_SUMS, axis=1)
    average = mean.take(_SUMS, axis=1)
    variance = sums[..., Q] / np.maximum(sums[..., W], 1e-300) - average * average
    spread = np.where(weight.take(_SUMS, axis=1) > 1.5, np.sqrt(np.maximum(variance, 0.0)), NAN)
    sales = view.newest.take(_LISTS, axis=1)
    times, prices = sales[..., 0].reshape(-1, NEWEST), sales[..., 1].reshape(-1, NEWEST)
    held = times > -math.inf
    count = held.sum(axis=1)
    ordered = np.sort(np.where(held, prices, math.inf), axis=1)
    row, top = np.arange(len(count)), np.maximum(count - 1, 0)
    middle = (ordered[row, top // 2] + ordered[row, (top + 1) // 2]) / 2
    shown = np.empty((5, *average.shape))
    shown[0] = np.log1p(np.maximum(view.at[:, None] - sums[..., AT], 0.0) / 3600)
    newest = shown[1:].reshape(4, -1)
    newest[0], newest[1] = prices[row, times.argmax(axis=1)], middle
    newest[2], newest[3] = ordered[:, 0], ordered[row, top]
    shown[:, (count == 0).reshape(average.shape)] = NAN
    age, *found = shown
    return age, spread, *found


def _mixed(mean: Floats, weight: Floats) -> tuple[Floats, ...]:
    """Of kinds that each tell a part: mean, low and high, drawn to the class where they are few; weight."""
    middle = mean[:, NUMBER["class_breed"], None]
    middle = np.where(np.isnan(middle), mean[:, NUMBER["class"], None], middle)
    weights = weight.take(_MIXED, axis=1)
    share = weights / (weights + 4 * SHRINKAGE)
    shrunk = middle + (mean.take(_MIXED, axis=1) - middle) * share
    known = ~np.isnan(shrunk)
    total, drawn, held = _sums(np.array((share * known, np.where(known, shrunk * share, 0.0), weights)))
    return (
        np.where(total > 0, drawn / np.maximum(total, 1e-300), NAN),
        np.fmin.reduceat(shrunk, _STARTS, axis=1),
        np.fmax.reduceat(shrunk, _STARTS, axis=1),
        np.log1p(held),
    )


def _sums(columns: Floats) -> Floats:
    """Sums over each mixture along the last axis, in one order however many rows: the same to the bit."""
    run = np.cumsum(columns, axis=-1).take(_ENDS, axis=-1)
    run[..., 1:] -= run[..., :-1].copy()
    return run


def _own(view: View) -> tuple[Floats, Floats]:
    """The axie's own last sale: its relative log price and its age, (n, 1) each."""
    at, price = view.own[:, :1], view.own[:, 1:]
    age = np.log1p(np.maximum(view.at[:, None] - at, 0.0) / 3600)
    return price, np.where(np.isnan(price), NAN, age)


def _turns(at: Floats) -> Iterator[Floats]:
    """The hour of the day and the day of the week, each as a point on a circle: (n, 1) four times."""
    for seconds in _TURNS_S.values():
        turn = 2 * math.pi / seconds * (at[:, None] % seconds)
        yield from (np.sin(turn), np.cos(turn))


def _traits(subject: Subject) -> list[float]:
    return [*(float(getattr(subject, name)) for name in _TRAITS), math.log10(max(subject.axie_id, 1))]
