"""The 512-bit gene string and what follows from genes: purity and stats.

Fields are packed from the left. Purity counts the genes of the axie's own class, dominant ones most.
"""

from collections.abc import Sequence
from typing import Final

from sandbox.marketplace.catalogue import CLASS_GENES, PER_CLASS

CONTRIBUTION: Final = {"": 0, "Origin": 1, "MEO Corp": 2, "MEO Corp II": 3}
# hp, speed, skill, morale
_BASE: Final = (
    (31, 35, 31, 43),
    (35, 31, 35, 39),
    (27, 43, 35, 35),
    (43, 31, 31, 35),
    (39, 39, 35, 27),
    (39, 35, 31, 35),
    (31, 39, 43, 27),
    (35, 35, 39, 31),
    (43, 39, 27, 31),
)
_BONUS: Final = (
    (0, 1, 0, 3),
    (1, 0, 0, 3),
    (0, 3, 0, 1),
    (3, 0, 0, 1),
    (1, 3, 0, 0),
    (3, 1, 0, 0),
)


def stats(axie_class: int, part_classes: Sequence[int]) -> tuple[int, int, int, int]:
    """Hp, speed, skill and morale of a class with six parts of the given classes."""
    hp, speed, skill, morale = _BASE[axie_class]
    for part in part_classes:
        bonus = _BONUS[part]
        hp, speed, skill, morale = hp + bonus[0], speed + bonus[1], skill + bonus[2], morale + bonus[3]
    return hp, speed, skill, morale


def purity(dominant: int, first: int, second: int) -> int:
    """Purity in per cent from how many genes of each rank are of the axie's own class."""
    return int(12.5 * dominant + 3.125 * first + 1.0417 * second + 0.5)


def encode(
    axie_class: int,
    parts: Sequence[Sequence[int]],
    *,
    stages: Sequence[int],
    skins: Sequence[int],
    contribution: int,
    body_skin: int,
    body: int,
    colours: tuple[int, int],
) -> int:
    """All 512 bits as one integer.

    `parts` holds for each slot, in the order of the genes, the part numbers (dominant, first and second
    recessive); `stages` are 1 or 2 as shown, 0 or 1 in the genes.
    """
    bits = CLASS_GENES[axie_class]
    for width, value in ((45, 0), (5, contribution), (1, 0), (9, body_skin)):
        bits = bits << width | value
    for _ in range(3):
        bits = bits << 9 | body
    for colour in colours:
        for _ in range(3):
            bits = bits << 6 | colour
    for slot in range(6):
        bits = bits << 2 | (stages[slot] - 1)
        bits = bits << 23 | 1 << 9 | skins[slot]  # 13 reserved, 1 of inheritance (set), 9 of skin
        per_class = PER_CLASS[slot]
        for number in parts[slot]:
            bits = bits << 13 | number // per_class << 8 | 2 * (number % per_class) + 2
    return bits


def as_hex(bits: int, *, padded: bool) -> str:
    """As the API writes it: 128 digits, or without the leading zeros."""
    return f"0x{bits:0128x}" if padded else f"0x{bits:x}"
