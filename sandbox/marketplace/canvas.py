"""A small drawing board: smooth outlined shapes on a transparent square, drawn large and then reduced.

Coordinates are in a square of 320; y grows downwards.
"""

import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

SIDE = 320
_SCALE = 2
Point = tuple[float, float]
Colour = tuple[int, int, int]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Colour a with a share of b."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


class Canvas:
    """Draws shapes with an outline; `png` gives the finished picture."""

    def __init__(self, ink: Colour) -> None:
        self._image = Image.new("RGBA", (SIDE * _SCALE, SIDE * _SCALE), (*ink, 0))
        self._draw = ImageDraw.Draw(self._image)
        self.ink = ink

    def blob(
        self, points: Sequence[Point], fill: Colour | None, *, width: float = 5, smooth: bool = True
    ) -> None:
        """A closed shape through the points; smooth curves unless told otherwise."""
        path = _closed_curve(points) if smooth else list(points)
        scaled = [(x * _SCALE, y * _SCALE) for x, y in path]
        if fill is not None:
            self._draw.polygon(scaled, fill=(*fill, 255))
        if width:
            self.line([*path, path[0], path[1]], width)

    def oval(
        self, x: float, y: float, rx: float, ry: float, fill: Colour, *, width: float = 5, tilt: float = 0
    ) -> None:
        """An ellipse around (x, y), tilted by degrees."""
        a = math.radians(tilt)
        ring = [(rx * math.cos(t * math.pi / 24), ry * math.sin(t * math.pi / 24)) for t in range(48)]
        turned = [
            (x + u * math.cos(a) - v * math.sin(a), y + u * math.sin(a) + v * math.cos(a)) for u, v in ring
        ]
        self.blob(turned, fill, width=width, smooth=False)

    def line(self, points: Sequence[Point], width: float, colour: Colour | None = None) -> None:
        """An open stroke with round joints and ends."""
        ink = (*(colour or self.ink), 255)
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        w = round(width * _SCALE)
        self._draw.line(scaled, fill=ink, width=w, joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            self._draw.ellipse((x - w / 2, y - w / 2, x + w / 2, y + w / 2), fill=ink)

    def arc(self, x: float, y: float, rx: float, ry: float, start: int, end: int, width: float) -> None:
        """A part of an ellipse's rim, in degrees, clockwise from the right."""
        steps = range(start, end + 1, 6)
        rim = [(x + rx * math.cos(math.radians(d)), y + ry * math.sin(math.radians(d))) for d in steps]
        self.line(rim, width)

    def png(self) -> bytes:
        """The picture as PNG bytes."""
        small = self._image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "PNG", compress_level=6)
        return out.getvalue()


def mirrored(points: Sequence[Point], axis: float = SIDE / 2) -> list[Point]:
    """The same shape on the other side."""
    return [(2 * axis - x, y) for x, y in points]


def _closed_curve(points: Sequence[Point], steps: int = 10) -> list[Point]:
    """A Catmull-Rom curve through all points and back to the first."""
    n = len(points)
    curve = []
    for i in range(n):
        p0, p1, p2, p3 = points[i - 1], points[i], points[(i + 1) % n], points[(i + 2) % n]
        for k in range(steps):
            t = k / steps
            curve.append((_between(p0[0], p1[0], p2[0], p3[0], t), _between(p0[1], p1[1], p2[1], p3[1], t)))
    return curve


def _between(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
