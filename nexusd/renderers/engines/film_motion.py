"""Which part of a slide is seen: pans and zooms (the Ken Burns effect). Pure.

A zoom goes by a constant factor a frame, which looks even, and moves towards a point that stays where it is. Parts are floats:
rounded to pixels, a slow motion would tremble.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

NEAR: Final = 0.8  # how much of a slide is seen at the near end of a preset
EVEN: Final = 1e-6  # sizes that are as good as equal


class Part(NamedTuple):
    """A part of a slide in fractions of it; always of the slide's own shape."""

    x: float
    y: float
    size: float


WHOLE: Final = Part(0.0, 0.0, 1.0)
_MIDDLE: Final = Part((1 - NEAR) / 2, (1 - NEAR) / 2, NEAR)
_LEFT, _RIGHT = _MIDDLE._replace(x=0.0), _MIDDLE._replace(x=1 - NEAR)
_TOP, _BOTTOM = _MIDDLE._replace(y=0.0), _MIDDLE._replace(y=1 - NEAR)
PRESETS: Final = {
    "zoom-in": (WHOLE, _MIDDLE),
    "zoom-out": (_MIDDLE, WHOLE),
    "pan-left": (_RIGHT, _LEFT),
    "pan-right": (_LEFT, _RIGHT),
    "pan-up": (_BOTTOM, _TOP),
    "pan-down": (_TOP, _BOTTOM),
}


class Motion(NamedTuple):
    """From one part to another."""

    start: Part
    end: Part
    smooth: bool = False

    @property
    def closest(self) -> float:
        """Return the size of the smallest part that is ever seen."""
        return min(self.start.size, self.end.size)

    def at(self, fraction: float) -> Part:
        """Return what is seen when the motion has come this far, from 0 to 1."""
        if self.smooth:
            fraction = fraction * fraction * (3 - 2 * fraction)
        (x, y, size), end = self.start, self.end
        if abs(end.size - size) < EVEN:
            way = fraction
            now = size
        else:
            now = size * math.exp(fraction * math.log(end.size / size))
            way = (now - size) / (end.size - size)
        return inside(Part(x + (end.x - x) * way, y + (end.y - y) * way, now))


def inside(part: Part) -> Part:
    """Return the part without what rounding put outside of the slide."""
    size = min(part.size, 1.0)
    return Part(min(max(part.x, 0.0), 1.0 - size), min(max(part.y, 0.0), 1.0 - size), size)


def read_motion(given: str | dict[str, Any] | None) -> Motion | None:
    """Return the motion that a storyboard tells, or None when nothing moves."""
    if given is None:
        return None
    if isinstance(given, str):
        return Motion(*PRESETS[given])
    motion = Motion(Part(**given["from"]), Part(**given["to"]), given["easing"] == "smooth")
    return motion if motion.start != motion.end or motion.start != WHOLE else None
