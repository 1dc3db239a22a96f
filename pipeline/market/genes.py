"""What a 512-bit gene string (`newGenes`) says: class, tag, skins, and three genes for each part.

Fields are packed from the left and leading zeros are sometimes cut off, so the string is read as one
number. Purity follows from genes alone, for when the marketplace does not tell it.
"""

from __future__ import annotations

import re
from enum import IntEnum
from math import floor
from struct import Struct as Layout
from typing import NamedTuple

from msgspec import Struct

from pipeline.market.errors import GeneError
from pipeline.market.values import AxieClass, Slot

BITS = 512
PART_BITS = 64
_GENE_BITS = 13
CLASS_CODES = {
    0: AxieClass.BEAST,
    1: AxieClass.BUG,
    2: AxieClass.BIRD,
    3: AxieClass.PLANT,
    4: AxieClass.AQUATIC,
    5: AxieClass.REPTILE,
    16: AxieClass.MECH,
    17: AxieClass.DAWN,
    18: AxieClass.DUSK,
}
# The order of the parts in the string is not the one of Slot.
GENE_ORDER = (Slot.EYES, Slot.MOUTH, Slot.EARS, Slot.HORN, Slot.BACK, Slot.TAIL)
# Part skins by the names that the marketplace gives them in `specialGenes`.
SKINS = {
    1: "Mystic",
    2: "Bionic",
    3: "Japan",
    4: "Xmas2018",
    5: "Xmas2019",
    **dict.fromkeys((6, 7, 8), "Summer2022"),
    **dict.fromkeys((9, 10, 11), "SummerShiny2022"),
    12: "Nightmare",
    13: "NightmareShiny",
}
_HEXADECIMAL = re.compile("(?:0[xX])?([0-9a-fA-F]+)")
_WORDS = Layout(">8Q")
# Purity's weight of a dominant, a first and a second recessive gene of the axie's own class.
_WEIGHTS = (12.5, 3.125, 1.0417)


class Tag(IntEnum):
    """How an axie came to be, where that is worth something."""

    NONE = 0
    ORIGIN = 1
    MEO = 2
    MEO_II = 3


class BodySkin(IntEnum):
    """Special bodies."""

    NONE = 0
    FROSTY = 1
    SUMMER = 2
    NIGHTMARE = 3


_TAGS: dict[int, Tag] = {int(tag): tag for tag in Tag}
_BODY_SKINS: dict[int, BodySkin] = {int(skin): skin for skin in BodySkin}


class Gene(NamedTuple):
    """One gene of a part: whose class it is, and which of that class's parts."""

    class_: AxieClass
    value: int


class PartGenes(Struct, frozen=True):
    """One part's genes. `stage` is 1, or 2 where evolved; `skin` is the raw number, 0 for none."""

    slot: Slot
    stage: int
    skin: int
    dominant: Gene
    first: Gene
    second: Gene

    @property
    def special(self) -> str | None:
        """The skin as the marketplace names it in `specialGenes`, None for plain and unknown skins."""
        return SKINS.get(self.skin)


class Inherited(NamedTuple):
    """What cannot be seen on the axie: of how many parts the first and the second recessive gene is the very
    gene that shows, how many parts have a skin, and the number of the body's skin.
    """

    first_alike: int
    second_alike: int
    skinned_parts: int
    body_skin: int


class Genes(Struct, frozen=True):
    """All that we read of a gene string. `parts` is in slot order; unknown tags and skins stay numbers."""

    class_: AxieClass
    tag: Tag | int
    body_skin: BodySkin | int
    parts: tuple[PartGenes, ...]


def decode(text: str) -> Genes:
    """Read a hexadecimal gene string, padded or not. Raises GeneError for anything that is none."""
    number = _number(text)

    def field(position: int, width: int) -> int:
        return number >> (BITS - position - width) & ((1 << width) - 1)

    tag, body_skin = field(50, 5), field(56, 9)
    parts = {slot: _part(slot, field(128 + i * PART_BITS, PART_BITS)) for i, slot in enumerate(GENE_ORDER)}
    return Genes(
        class_=_class(field(0, 5)),
        tag=_TAGS.get(tag, tag),
        body_skin=_BODY_SKINS.get(body_skin, body_skin),
        parts=tuple(parts[slot] for slot in Slot),
    )


def purity(genes: Genes) -> int:
    """How pure an axie is in its own class, 0 to 100, as the marketplace computes it."""
    own = genes.class_
    score = sum(
        weight * (gene.class_ == own)
        for part in genes.parts
        for weight, gene in zip(_WEIGHTS, (part.dominant, part.first, part.second), strict=True)
    )
    return floor(score + 0.5)


def inherited(text: str) -> Inherited:
    """What a gene string tells beyond what shows. Raises GeneError for anything that is none.

    It takes a tenth of the time that `decode` does, as every listing is asked for it.
    """
    number = _number(text)
    words = _WORDS.unpack(number.to_bytes(BITS // 8))
    first = second = skinned = 0
    for word in words[-len(GENE_ORDER) :]:
        shown = word >> 2 * _GENE_BITS & 0x1FFF
        first += word >> _GENE_BITS & 0x1FFF == shown
        second += word & 0x1FFF == shown
        skinned += word >> 3 * _GENE_BITS & 0x1FF != 0
    return Inherited(first, second, skinned, number >> BITS - 65 & 0x1FF)


def _number(text: str) -> int:
    # int() would also take signs, spaces and underscores.
    if not (found := _HEXADECIMAL.fullmatch(text)):
        raise GeneError(f"genes are not hexadecimal: {text[:40]!r}")
    digits = found[1]
    if len(digits.lstrip("0")) > BITS // 4:
        raise GeneError(f"genes are longer than {BITS} bits: {text[:40]!r}…")
    if not (number := int(digits, 16)):
        raise GeneError("genes are all zero: this is an egg")
    return number


def _part(slot: Slot, bits: int) -> PartGenes:
    first, second, third = (
        Gene(_class(bits >> shift + 8 & 0x1F), bits >> shift & 0xFF) for shift in (26, 13, 0)
    )
    return PartGenes(slot, (bits >> 62) + 1, bits >> 39 & 0x1FF, first, second, third)


def _class(code: int) -> AxieClass:
    try:
        return CLASS_CODES[code]
    except KeyError:
        raise GeneError(f"genes name an unknown class, number {code}") from None
