"""Pictures of axies: a small creature drawn from its class and parts, with a transparent background.

The body takes the colour of the class, each part the colour of its own class and one of a few shapes of its
slot; special parts glitter. The same axie always looks the same, and the last pictures are kept.
"""

import zlib
from functools import lru_cache
from typing import Final

from sandbox.marketplace.canvas import Canvas, Colour, mirrored, mix

Look = tuple[str, str, str, str | None]
"""Slot, class, id and special gene of a part."""

_COLOURS: Final[dict[str, Colour]] = {
    "Beast": (255, 184, 60),
    "Bug": (255, 104, 84),
    "Bird": (255, 158, 196),
    "Plant": (140, 205, 70),
    "Aquatic": (74, 192, 222),
    "Reptile": (196, 126, 214),
    "Mech": (150, 166, 192),
    "Dawn": (196, 190, 255),
    "Dusk": (86, 148, 150),
}
_SPECIAL: Final[dict[str, Colour]] = {
    "Mystic": (255, 214, 92),
    "Bionic": (120, 235, 235),
    "Japan": (235, 92, 110),
    "Xmas2018": (92, 176, 110),
    "Xmas2019": (170, 216, 246),
    "Summer2022": (255, 196, 120),
    "SummerShiny2022": (255, 232, 140),
    "Nightmare": (112, 78, 160),
    "NightmareShiny": (176, 110, 236),
}
_WHITE: Final[Colour] = (255, 255, 255)
_DARK: Final[Colour] = (46, 34, 54)
_BLUSH: Final[Colour] = (250, 120, 130)
_BODY: Final = (
    (160, 96),
    (222, 112),
    (256, 170),
    (246, 236),
    (204, 272),
    (116, 272),
    (74, 236),
    (64, 170),
    (98, 112),
)
_EGG: Final = ((160, 60), (212, 110), (238, 186), (210, 256), (160, 276), (110, 256), (82, 186), (108, 110))


@lru_cache(maxsize=512)
def picture(axie_class: str | None, colour: str | None, parts: tuple[Look, ...]) -> bytes:
    """A PNG of an axie, or of an egg where the class is None; `colour` is the primary one in hexadecimal."""
    if axie_class is None:
        return _egg()
    own = bytes.fromhex(colour or "ffffff")
    body = mix(_COLOURS[axie_class], (own[0], own[1], own[2]), 0.22)
    canvas = Canvas(mix(body, _DARK, 0.72))
    found = {
        slot: (_tint(owner, special), zlib.crc32(pid.encode()) // 7, special)
        for slot, owner, pid, special in parts
    }
    _tail(canvas, *found["Tail"][:2])
    _back(canvas, *found["Back"][:2])
    _ears(canvas, *found["Ears"][:2])
    for x in (112, 208):
        canvas.oval(x, 274, 25, 15, mix(body, _DARK, 0.12))
    canvas.blob(_BODY, body)
    canvas.oval(160, 234, 52, 30, mix(body, _WHITE, 0.45), width=0)
    canvas.oval(112, 128, 20, 11, mix(body, _WHITE, 0.4), width=0, tilt=-35)
    for x in (98, 222):
        canvas.oval(x, 212, 13, 8, mix(body, _BLUSH, 0.5), width=0)
    _horn(canvas, *found["Horn"][:2])
    _eyes(canvas, *found["Eyes"][:2])
    _mouth(canvas, *found["Mouth"][:2])
    special = [special for _, _, special in found.values() if special]
    for i, gene in enumerate(special):
        _sparkle(canvas, (52, 270, 40, 282, 84, 240)[i], (92, 64, 190, 168, 44, 30)[i], _SPECIAL[gene])
    return canvas.png()


def _tint(owner: str, special: str | None) -> Colour:
    return mix(_COLOURS[owner], _SPECIAL[special], 0.8) if special else _COLOURS[owner]


def _egg() -> bytes:
    canvas = Canvas((96, 80, 72))
    canvas.blob(_EGG, (246, 236, 214))
    for x, y, r in ((134, 130, 15), (190, 168, 20), (128, 210, 18), (176, 232, 10), (168, 100, 9)):
        canvas.oval(x, y, r, r * 0.9, (222, 200, 160), width=0)
    canvas.oval(126, 100, 9, 20, _WHITE, width=0, tilt=28)
    return canvas.png()


def _ears(canvas: Canvas, tint: Colour, shape: int) -> None:
    inner = mix(tint, _WHITE, 0.5)
    outer, inside = (
        (
            ((74, 150), (52, 96), (58, 48), (92, 74), (116, 118)),
            ((78, 124), (68, 92), (70, 72), (88, 88), (100, 116)),
        ),
        (
            ((70, 140), (50, 112), (62, 80), (94, 74), (116, 108)),
            ((78, 124), (68, 108), (76, 94), (92, 94), (102, 112)),
        ),
        (
            ((84, 128), (44, 120), (26, 160), (38, 204), (62, 184), (72, 158)),
            ((58, 140), (44, 160), (46, 184), (58, 168)),
        ),
        (
            ((82, 150), (36, 142), (18, 104), (46, 108), (40, 78), (66, 92), (72, 62), (104, 110)),
            ((80, 132), (60, 118), (82, 104)),
        ),
    )[shape % 4]
    for side in (list, mirrored):
        canvas.blob(side(outer), tint)
        canvas.blob(side(inside), inner, width=0)


def _horn(canvas: Canvas, tint: Colour, shape: int) -> None:
    light, kind = mix(tint, _WHITE, 0.45), shape % 5
    if kind == 0:  # a cone with rings
        canvas.blob(((138, 118), (150, 70), (164, 40), (172, 72), (182, 118), (160, 126)), tint)
        canvas.arc(160, 96, 16, 7, 10, 170, 3.5)
        canvas.arc(162, 76, 11, 5, 10, 170, 3.5)
    elif kind == 1:  # feelers
        for points in (((148, 116), (138, 84), (122, 60)), ((172, 116), (182, 84), (198, 60))):
            canvas.line(points, 7)
            canvas.oval(*points[-1], 13, 13, tint)
            canvas.oval(points[-1][0] - 4, points[-1][1] - 4, 4, 4, light, width=0)
    elif kind == 2:  # antlers
        for side in (list, mirrored):
            branch = side(((150, 118), (136, 88), (112, 66)))
            twig = side(((138, 90), (146, 62)))
            canvas.line(branch, 17)
            canvas.line(twig, 15)
            canvas.line(branch, 8, tint)
            canvas.line(twig, 7, tint)
    elif kind == 3:  # crystals
        canvas.blob(((126, 116), (120, 82), (138, 74), (150, 114)), mix(tint, _DARK, 0.15), smooth=False)
        canvas.blob(((170, 114), (184, 72), (202, 84), (194, 116)), mix(tint, _DARK, 0.15), smooth=False)
        canvas.blob(((140, 120), (138, 66), (160, 40), (182, 66), (180, 120)), tint, smooth=False)
        canvas.blob(((150, 112), (149, 72), (160, 58), (160, 114)), light, width=0, smooth=False)
    else:  # a blossom
        for x, y in ((160, 64), (186, 82), (176, 110), (144, 110), (134, 82)):
            canvas.oval(x, y, 19, 19, tint)
        canvas.oval(160, 88, 14, 14, (255, 226, 120))


def _back(canvas: Canvas, tint: Colour, shape: int) -> None:
    light, kind = mix(tint, _WHITE, 0.4), shape % 5
    if kind == 0:  # spikes
        spikes = (
            ((62, 186), (14, 150), (84, 138)),
            ((72, 150), (40, 84), (116, 104)),
            ((104, 112), (98, 44), (150, 92)),
        )
        for spike in spikes:
            for side in (list, mirrored):
                canvas.blob(side(spike), tint, smooth=False)
    elif kind == 1:  # a shell
        canvas.oval(160, 138, 116, 98, tint)
        canvas.oval(160, 138, 92, 76, light, width=4)
    elif kind == 2:  # wings
        wing = ((84, 168), (40, 96), (8, 92), (22, 130), (8, 150), (30, 172), (24, 196), (80, 210))
        for side in (list, mirrored):
            canvas.blob(side(wing), tint)
            canvas.line(side(((72, 176), (44, 142), (28, 116))), 4)
    elif kind == 3:  # leaves
        for leaf in (
            ((110, 130), (56, 100), (40, 44), (92, 60), (128, 110)),
            ((132, 110), (118, 56), (146, 14), (174, 60), (166, 110)),
        ):
            for side in (list, mirrored):
                canvas.blob(side(leaf), tint)
        canvas.line(((74, 78), (108, 116)), 4)
        canvas.line(((246, 78), (212, 116)), 4)
    else:  # a fluffy mane
        for x, y in (
            (66, 176),
            (72, 130),
            (104, 96),
            (148, 78),
            (192, 80),
            (226, 104),
            (248, 136),
            (254, 180),
        ):
            canvas.oval(x, y, 30, 28, tint)
        canvas.oval(160, 160, 90, 78, light, width=0)


def _tail(canvas: Canvas, tint: Colour, shape: int) -> None:
    light, kind = mix(tint, _WHITE, 0.4), shape % 5
    if kind == 0:  # a curl
        curl = ((236, 250), (276, 252), (298, 226), (290, 196), (268, 196), (264, 214))
        canvas.line(curl, 24)
        canvas.line(curl, 14, tint)
    elif kind == 1:  # a ball of fluff
        canvas.oval(270, 222, 32, 30, tint)
        canvas.oval(262, 212, 12, 10, light, width=0)
    elif kind == 2:  # a fin
        canvas.blob(((236, 236), (272, 206), (308, 178), (300, 222), (312, 264), (272, 250)), tint)
        canvas.line(((258, 236), (290, 214)), 4)
        canvas.line(((260, 242), (292, 246)), 4)
    elif kind == 3:  # a leaf
        canvas.blob(((238, 256), (262, 206), (306, 178), (308, 226), (276, 262)), tint)
        canvas.line(((246, 252), (292, 204)), 4)
    else:  # an arrow
        canvas.line(((236, 252), (268, 250), (284, 222)), 16)
        canvas.line(((236, 252), (268, 250), (284, 222)), 7, tint)
        canvas.blob(((262, 220), (290, 172), (308, 228)), tint, smooth=False)


def _eyes(canvas: Canvas, tint: Colour, shape: int) -> None:
    iris, kind = mix(tint, _DARK, 0.35), shape % 5
    for x, turn in ((124, 1), (196, -1)):
        if kind == 3:  # closed, content
            canvas.arc(x, 190, 17, 15, 190, 350, 6)
            continue
        canvas.oval(x, 182, 20, 25 if kind != 1 else 20, _WHITE, width=4)
        if kind == 4:  # a slit
            canvas.oval(x, 183, 13, 20, iris, width=0)
            canvas.oval(x, 183, 4, 17, _DARK, width=0)
        else:
            canvas.oval(x + 2 * turn, 185, 13, 17 if kind != 1 else 14, iris, width=0)
            canvas.oval(x + 2 * turn, 187, 8, 11 if kind != 1 else 9, _DARK, width=0)
        canvas.oval(x - 4, 176, 5, 6, _WHITE, width=0)
        canvas.oval(x + 6, 193, 3, 3, _WHITE, width=0)
        if kind == 1:  # a sleepy lid
            canvas.blob(
                ((x - 23, 180), (x - 18, 160), (x, 155), (x + 18, 160), (x + 23, 180)),
                tint,
                width=4,
                smooth=False,
            )
        elif kind == 2:  # a brow
            canvas.line(((x - 18 * turn, 148), (x + 16 * turn, 156)), 7)


def _mouth(canvas: Canvas, tint: Colour, shape: int) -> None:
    kind = shape % 5
    if kind == 0:
        canvas.arc(160, 212, 18, 13, 12, 168, 5)
    elif kind == 1:  # a cat's
        canvas.arc(149, 214, 11, 10, 6, 174, 5)
        canvas.arc(171, 214, 11, 10, 6, 174, 5)
    elif kind == 2:  # open, with a tongue
        canvas.blob(
            ((136, 210), (160, 214), (184, 210), (178, 234), (160, 242), (142, 234)), (150, 50, 66), width=4
        )
        canvas.oval(160, 234, 11, 6, (250, 130, 140), width=0)
    elif kind == 3:  # a fang
        canvas.arc(160, 210, 20, 12, 10, 170, 5)
        canvas.blob(((166, 220), (176, 218), (173, 232)), _WHITE, width=2.5, smooth=False)
    else:  # a beak
        canvas.blob(((138, 208), (160, 200), (182, 208), (160, 232)), mix(tint, (255, 190, 60), 0.6), width=4)
        canvas.line(((142, 211), (160, 215), (178, 211)), 3)


def _sparkle(canvas: Canvas, x: float, y: float, tint: Colour) -> None:
    r, s = 18.0, 4.5
    star = (
        (x, y - r),
        (x + s, y - s),
        (x + r, y),
        (x + s, y + s),
        (x, y + r),
        (x - s, y + s),
        (x - r, y),
        (x - s, y - s),
    )
    canvas.blob(star, mix(tint, _WHITE, 0.25), width=2.5, smooth=False)
