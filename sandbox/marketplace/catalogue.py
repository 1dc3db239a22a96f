"""The parts an axie can have: six slots, six classes that own parts, and skins that make a part special.

A part's number inside its slot is `class * per_class + position`; its gene value is `2 * position + 2`.
The common names are the game's own; the special variants' names are ours, as are the gene values.
"""

from typing import Final

CLASSES: Final = ("Beast", "Bug", "Bird", "Plant", "Aquatic", "Reptile", "Mech", "Dawn", "Dusk")
CLASS_GENES: Final = (0, 1, 2, 3, 4, 5, 16, 17, 18)
PART_CLASSES: Final = CLASSES[:6]
SLOTS: Final = ("Eyes", "Mouth", "Ears", "Horn", "Back", "Tail")
"""In the order of the genes; `SHOWN` is the order in which the marketplace lists them."""
SHOWN: Final = (0, 2, 4, 1, 3, 5)

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "Eyes": (
        "Zeal|Little Peas|Puppy|Chubby",
        "Bookworm|Neo|Nerdy|Kotaro?",
        "Mavis|Lucas|Little Owl|Robin",
        "Papi|Confused|Cucumber Slice|Blossom",
        "Sleepless|Clear|Gero|Telescope",
        "Gecko|Scar|Tricky|Topaz",
    ),
    "Mouth": (
        "Nut Cracker|Goda|Axie Kiss|Confident",
        "Mosquito|Pincer|Cute Bunny|Square Teeth",
        "Doubletalk|Peace Maker|Hungry Bird|Little Owl",
        "Serious|Zigzag|Herbivore|Silence Whisper",
        "Lam|Catfish|Risky Fish|Piranha",
        "Toothless Bite|Kotaro|Razor Bite|Tiny Turtle",
    ),
    "Ears": (
        "Nyan|Nut Cracker|Innocent Lamb|Zen|Puppy|Belieber",
        "Larva|Beetle Spike|Ear Breathing|Leaf Bug|Tassels|Earwing",
        "Pink Cheek|Early Bird|Owl|Peace Maker|Curly|Risky Bird",
        "Leafy|Clover|Rosa|Sakura|Hollow|Lotus",
        "Tiny Fan|Bubblemaker|Nimo|Inkling|Gill|Seaslug",
        "Pogona|Friezard|Curved Spine|Small Frill|Swirl|Sidebarb",
    ),
    "Horn": (
        "Little Branch|Imp|Merry|Pocky|Dual Blade|Arco",
        "Lagging|Antenna|Caterpillars|Pliers|Parasite|Leaf Bug",
        "Eggshell|Cuckoo|Trump|Kestrel|Wing Horn|Feather Spear",
        "Bamboo Shoot|Beech|Rose Bud|Strawberry Shortcake|Cactus|Watermelon",
        "Babylonia|Teal Shell|Clamshell|Anemone|Oranda|Shoal Star",
        "Unko|Scaly Spear|Cerastes|Scaly Spoon|Incisor|Bumpy",
    ),
    "Back": (
        "Ronin|Hero|Jaguar|Risky Beast|Timber|Furball",
        "Snail Shell|Garish Worm|Buzz Buzz|Sandal|Scarab|Spiky Wing",
        "Balloon|Cupid|Raven|Pigeon Post|Kingfisher|Tri Feather",
        "Turnip|Shiitake|Bidens|Watering Can|Mint|Pumpkin",
        "Hermit|Blue Moon|Goldfish|Sponge|Anemone|Perch",
        "Bone Sail|Tri Spikes|Green Thorns|Indian Star|Red Ear|Croc",
    ),
    "Tail": (
        "Cottontail|Rice|Shiba|Hare|Nut Cracker|Gerbil",
        "Ant|Twin Tail|Fish Snack|Gravel Ant|Pupae|Thorny Caterpillar",
        "Swallow|Feather Fan|The Last One|Cloud|Granma's Fan|Post Fight",
        "Carrot|Cattail|Hatsune|Yam|Potato Leaf|Hot Butt",
        "Koi|Nimo|Tadpole|Ranchu|Navaga|Shrimp",
        "Wall Gecko|Iguana|Tiny Dino|Snake Jar|Gila|Grass Snake",
    ),
}

# Skin gene → (published special gene, the adjective of our variant's name). 7-8 and 10-11 repeat summer's.
SKINS: Final[dict[int, tuple[str, str]]] = {
    1: ("Mystic", "Arcane"),
    2: ("Bionic", "Bionic"),
    3: ("Japan", "Matsuri"),
    4: ("Xmas2018", "Merry"),
    5: ("Xmas2019", "Frosted"),
    6: ("Summer2022", "Beach"),
    7: ("Summer2022", "Beach"),
    8: ("Summer2022", "Beach"),
    9: ("SummerShiny2022", "Gleaming Beach"),
    10: ("SummerShiny2022", "Gleaming Beach"),
    11: ("SummerShiny2022", "Gleaming Beach"),
    12: ("Nightmare", "Dread"),
    13: ("NightmareShiny", "Gleaming Dread"),
}


NAMES: Final = tuple(tuple(n for row in _NAMES[slot] for n in row.split("|")) for slot in SLOTS)
PER_CLASS: Final = tuple(len(names) // 6 for names in NAMES)
SIZES: Final = tuple(len(names) for names in NAMES)


def part_class(slot: int, number: int) -> int:
    """The index of the class that owns a part."""
    return number // PER_CLASS[slot]


def part_id(slot: int, number: int, skin: int = 0) -> str:
    """The marketplace's id, such as `back-ronin`."""
    return f"{SLOTS[slot].lower()}-{_name(slot, number, skin).lower().replace(' ', '-').replace(chr(39), '')}"


def _name(slot: int, number: int, skin: int) -> str:
    name = NAMES[slot][number]
    return f"{SKINS[skin][1]} {name}" if skin else name


_shown: dict[tuple[int, int, int, int], dict[str, object]] = {}


def shown(slot: int, number: int, skin: int, stage: int) -> dict[str, object]:
    """The part as a row of the API; one shared object per variant, never to be changed."""
    key = (slot, number, skin, stage)
    row = _shown.get(key)
    if row is None:
        row = _shown[key] = {
            "__typename": "AxiePart",
            "id": part_id(slot, number, skin),
            "name": _name(slot, number, skin),
            "class": CLASSES[part_class(slot, number)],
            "type": SLOTS[slot],
            "specialGenes": SKINS[skin][0] if skin else None,
            "stage": stage,
        }
    return row


NUMBERS: Final[dict[str, tuple[int, int]]] = {
    part_id(slot, number): (slot, number) for slot in range(6) for number in range(SIZES[slot])
}
"""Ordinary part id → (slot, number)."""

VARIANTS: Final[dict[str, tuple[int, int, frozenset[int]]]] = {
    **{pid: (slot, number, frozenset({0})) for pid, (slot, number) in NUMBERS.items()},
    **{
        part_id(slot, number, skin): (
            slot,
            number,
            frozenset(s for s, v in SKINS.items() if v[1] == SKINS[skin][1]),
        )
        for slot, number in NUMBERS.values()
        for skin in SKINS
    },
}
"""Any part id, special ones included → (slot, number, the skins that carry this id)."""
