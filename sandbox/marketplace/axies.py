"""The population: every axie that exists, in columns, drawn in batches from the seed.

Builds recur as in a real market: each class has meta builds with Zipf-like shares, half of the axies are
exact copies of one, and the rest differ in a few parts. An axie is known inside by its row number.
"""

from collections import deque
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sandbox.marketplace.catalogue import NUMBERS, PER_CLASS, SIZES
from sandbox.marketplace.config import Month
from sandbox.marketplace.prices import COLLECTIONS, HIDDEN_SD, BuildScale, relative_value

BATCH: Final = 16_384
TITLES: Final = ("", "Origin", "MEO Corp", "MEO Corp II")
_SHARES: Final = np.array([0.15, 0.05, 0.10, 0.25, 0.24, 0.09, 0.04, 0.02, 0.06])
_PARENTS: Final = {6: (0, 1), 7: (3, 2), 8: (4, 5)}
_META: Final = 60
# How common each collection is: our choice, made so that the 95th percentile of sales fits.
_COLLECTION_SHARES: Final = np.array([0.0002, 0.0007, 0.0009, 0.0007, 0.0014, 0.003, 0.012, 0.020])
_SCALE: Final = np.array([0.15, 0.40, 0.15, 0.45, 0.50, 0.45])
_KNOWN: Final = (
    "0 eyes-chubby mouth-nut-cracker ears-nut-cracker horn-imp back-ronin tail-nut-cracker",
    "0 eyes-chubby mouth-goda ears-nyan horn-imp back-ronin tail-cottontail",
    "2 eyes-mavis mouth-little-owl ears-owl horn-eggshell back-pigeon-post tail-post-fight",
    "3 eyes-papi mouth-serious ears-lotus horn-cactus back-pumpkin tail-carrot",
    "3 eyes-papi mouth-serious ears-clover horn-rose-bud back-pumpkin tail-yam",
    "4 eyes-gero mouth-lam ears-inkling horn-anemone back-anemone tail-nimo",
    "4 eyes-clear mouth-risky-fish ears-bubblemaker horn-shoal-star back-goldfish tail-koi",
    "5 eyes-clear mouth-tiny-turtle ears-bubblemaker horn-lagging back-snail-shell tail-thorny-caterpillar",
    "8 eyes-clear mouth-tiny-turtle ears-bubblemaker horn-lagging back-snail-shell tail-thorny-caterpillar",
)

Ints = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]


class Builds:
    """The meta builds of each class, the effects of parts on price, and the drawing of builds."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.meta = np.zeros((9, _META, 6), dtype=np.int64)
        for klass in range(9):
            self.meta[klass] = _own_parts(rng, np.full(_META, klass), 0.8)
        seen = [0] * 9
        for line in _KNOWN:
            number, *ids = line.split()
            self.meta[int(number), seen[int(number)]] = [NUMBERS[i][1] for i in ids]
            seen[int(number)] += 1
        self._popular = 1 / (np.arange(_META) + 1.5) ** 1.1
        self._popular /= self._popular.sum()
        self.effects = [rng.normal(0, _SCALE[s], SIZES[s]) for s in range(6)]
        self._classes = rng.normal(0, 0.2, 9) + np.array([0, 0, 0, 0, 0, 0, 0.5, 0.9, 0.4])
        self._mouth_back = rng.normal(0, 0.25, (SIZES[1], SIZES[4]))
        self._horn_tail = rng.normal(0, 0.25, (SIZES[3], SIZES[5]))

    def draw(self, rng: np.random.Generator, classes: Ints) -> Ints:
        """Six part numbers for each class given, shape (n, 6)."""
        n = len(classes)
        parts = self.meta[classes, rng.choice(_META, size=n, p=self._popular)]
        chance = np.array([0.28, 0.12, 0.30, 0.13, 0.11, 0.14])
        swap = (rng.random((n, 6)) < chance) & (rng.random(n) < 0.55)[:, None]
        return np.where(swap, _own_parts(rng, classes, 0.7), parts)

    def score(self, classes: Ints, parts: Ints) -> npt.NDArray[np.float64]:
        """What the market thinks of class and parts, before it is scaled to prices."""
        score = self._classes[classes] + self._mouth_back[parts[:, 1], parts[:, 4]]
        score = score + self._horn_tail[parts[:, 3], parts[:, 5]]
        for slot in range(6):
            score = score + self.effects[slot][parts[:, slot]]
        return np.asarray(score, dtype=np.float64)


def _own_parts(rng: np.random.Generator, classes: Ints, own: float) -> Ints:
    """Random parts, mostly of the axie's own class (or of a secret class's parents), shape (n, 6)."""
    n = len(classes)
    parents = np.stack([classes, classes], axis=1)
    for klass, pair in _PARENTS.items():
        parents[classes == klass] = pair
    of_own = np.take_along_axis(parents, rng.integers(0, 2, (n, 6)), axis=1)
    owner = np.where(rng.random((n, 6)) < own, of_own, rng.integers(0, 6, (n, 6)))
    per = np.array(PER_CLASS)
    parts: Ints = owner * per + (rng.random((n, 6)) * per).astype(np.int64)
    return parts


class Population:
    """Columns of all axies. `fresh()` hands out the next row that was never on the market."""

    def __init__(self, seed: int, month: Month) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self.builds = Builds(self._rng)
        self._median = month.median
        classes = self._rng.choice(9, size=BATCH, p=_SHARES)
        self._scale = BuildScale(month, self.builds.score(classes, self.builds.draw(self._rng, classes)))
        self.size = 0
        self._unused: deque[int] = deque()
        self.columns: Columns = {}
        self.row_of: dict[int, int] = {}
        self._counts = np.zeros(3, dtype=np.int64)
        self._refill()

    def fresh(self) -> int:
        """The row of an axie that has not been listed yet."""
        if not self._unused:
            self._refill()
        return self._unused.popleft()

    def add(self, *, parts: dict[int, int], **traits: Any) -> int:
        """One axie with chosen columns and parts (by slot), the rest drawn; returns its row."""
        chosen = traits.get("class")
        batch = self._draw(1, plain=True, classes=None if chosen is None else np.array([chosen]))
        for name, value in traits.items():
            batch[name][0] = value
        for slot, number in parts.items():
            batch["genes"][0, slot, 0] = number
        self._derive(batch)
        self._grow(batch)
        return self.size - 1

    def revalue(self, row: int) -> None:
        """Compute one row's value again after its traits have changed."""
        one = {name: column[row : row + 1].copy() for name, column in self.columns.items()}
        self._derive(one)
        self.columns["relative"][row] = one["relative"][0]

    def _refill(self) -> None:
        first = self.size
        self._grow(self._draw(BATCH))
        self._unused.extend(range(first, self.size))

    def _grow(self, batch: Columns) -> None:
        n = len(batch["id"])
        for name, new in batch.items():
            old = self.columns.get(name)
            if old is None:
                self.columns[name] = new
            elif len(old) < self.size + n:
                room = np.zeros((max(2 * self.size, self.size + n) - len(old), *old.shape[1:]), old.dtype)
                self.columns[name] = np.concatenate([old, room])
            self.columns[name][self.size : self.size + n] = new
        for row, axie_id in enumerate(batch["id"].tolist(), start=self.size):
            self.row_of[axie_id] = row
        self.size += n

    def _draw(self, n: int, *, plain: bool = False, classes: Ints | None = None) -> Columns:
        rng = self._rng
        if classes is None:
            classes = rng.choice(9, size=n, p=_SHARES)
        parts = self.builds.draw(rng, classes)
        genes = np.empty((n, 6, 3), dtype=np.int16)
        genes[:, :, 0] = parts
        for rank, same in ((1, 0.55), (2, 0.40)):
            genes[:, :, rank] = np.where(rng.random((n, 6)) < same, parts, _own_parts(rng, classes, 0.6))
        kinds = np.cumsum(_COLLECTION_SHARES)
        draw = rng.random(n)
        collection = np.where(draw < kinds[-1], np.searchsorted(kinds, draw) + 1, 0)
        egg = rng.random(n) < 0.012
        banned = rng.random(n) < 0.004
        if plain:
            collection[:], egg[:], banned[:] = 0, False, False
        collection[egg] = 0
        skins, title, body = _specials(rng, collection)
        level = np.minimum(60, 1 + rng.exponential(7, n) * (rng.random(n) < 0.6)).astype(np.int16)
        batch: Columns = {
            "class": classes.astype(np.int16),
            "genes": genes,
            "skins": skins,
            "stages": (1 + (rng.random((n, 6)) < 0.03)).astype(np.int8),
            "collection": collection.astype(np.int8),
            "title": title,
            "body": body,
            "colour": rng.integers(0, 7, n).astype(np.int8),
            "breed_count": rng.choice(8, n, p=[0.30, 0.08, 0.20, 0.22, 0.12, 0.05, 0.02, 0.01]).astype(
                np.int8
            ),
            "level": level,
            "egg": egg,
            "banned": banned,
            "quality": rng.normal(0, HIDDEN_SD, n),
            "id": self._ids(collection),
            "salt": rng.integers(0, 2**31, n),
            "owner": rng.integers(0, 6_000, n).astype(np.int32),
        }
        batch["breed_count"][egg] = 0
        batch["level"][egg] = 1
        self._derive(batch)
        return batch

    def _ids(self, collection: Ints) -> Ints:
        """Ids never repeat: a walk by a step that is coprime with the range. Old collections have low ids."""
        kind = np.where(collection == COLLECTIONS.index("Origin") + 1, 1, 0)
        kind = np.where(collection == COLLECTIONS.index("MEO") + 1, 2, kind)
        ids = np.empty(len(kind), dtype=np.int64)
        for k, (first, span, step) in enumerate(
            ((20_000, 11_999_989, 7_368_787), (1, 4_079, 2_521), (4_100, 5_897, 3_643))
        ):
            mine = kind == k
            turns = self._counts[k] + np.arange(int(mine.sum()))
            ids[mine] = first + (turns * step) % span
            self._counts[k] += len(turns)
        return ids

    def _derive(self, batch: Columns) -> None:
        """Fill in what follows from the traits: the purity and the relative log value."""
        own = batch["genes"] // np.array(PER_CLASS)[None, :, None] == batch["class"][:, None, None]
        count = own.sum(axis=1)
        batch["purity"] = (count @ np.array([12.5, 3.125, 1.0417]) + 0.5).astype(np.int16)
        batch["pure_parts"] = count[:, 0].astype(np.int8)
        scores = self.builds.score(batch["class"].astype(np.int64), batch["genes"][:, :, 0].astype(np.int64))
        batch["relative"] = relative_value(
            build=self._scale(scores),
            collection=batch["collection"].astype(np.int64),
            specials=(batch["skins"] > 0).sum(axis=1),
            breed_count=batch["breed_count"].astype(np.int64),
            purity=batch["purity"].astype(np.int64),
            level=batch["level"].astype(np.int64),
            evolved=(batch["stages"] > 1).sum(axis=1),
            egg=batch["egg"],
            banned=batch["banned"],
            quality=batch["quality"],
            median=self._median,
        )


def _specials(rng: np.random.Generator, collection: Ints) -> tuple[Ints, Ints, Ints]:
    """Skins (n, 6), title numbers and body shapes that make an axie part of its collection."""
    n = len(collection)
    skins = np.zeros((n, 6), dtype=np.int64)
    title = np.zeros(n, dtype=np.int64)
    body = rng.choice(8, n, p=[0.79, 0.05, 0.05, 0.04, 0.03, 0.02, 0.01, 0.01])
    choices = {
        "Mystic": (1,),
        "Shiny": (9, 10, 11, 13),
        "Christmas": (4, 5),
        "Japanese": (3,),
        "Nightmare": (12,),
        "Summer": (6, 7, 8),
    }
    for number, name in enumerate(COLLECTIONS, start=1):
        rows = np.flatnonzero(collection == number)
        if name in choices and len(rows):
            skin = rng.choice(choices[name], len(rows))
            mask = rng.random((len(rows), 6)) < 0.12
            mask[np.arange(len(rows)), rng.integers(0, 6, len(rows))] = True
            skins[rows] = np.where(mask, skin[:, None], 0)
        elif name == "Origin":
            title[rows] = 1
        elif name == "MEO":
            title[rows] = rng.choice((2, 3), len(rows))
    return skins, title, body
