"""Colours by lightness, chroma and hue (OKLCH), inside of sRGB, and their contrast as WCAG counts it.

Invariant: contrast is that of the eight bits a file holds, not of what they were rounded from.
Sources: CSS Color 4, "OkLCh"; WCAG 2.2, relative luminance and contrast ratio.
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

from coloraide import Color

from nexusd.renderers.colours import luminance

WHITE, BLACK = "#ffffff", "#000000"
BISECTIONS: Final = 10


class Ink(NamedTuple):
    """A hue in degrees with the chroma it has at most."""

    hue: float
    chroma: float

    def at(self, lightness: float) -> str:
        """Return the colour at a lightness from 0 to 1 as `#rrggbb`, less colourful where sRGB has no more."""
        return _tone(round(self.hue, 3), round(self.chroma, 4), round(min(max(lightness, 0.0), 1.0), 4))

    def softened(self, factor: float) -> Ink:
        """Return the same hue with a part of the chroma."""
        return Ink(self.hue, self.chroma * factor)


@functools.lru_cache(maxsize=4096)
def _tone(hue: float, chroma: float, lightness: float) -> str:
    return str(Color("oklch", [lightness, chroma, hue]).convert("srgb").fit(method="oklch-chroma").to_string(hex=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def reaches(colour: str, grounds: tuple[str, ...], ratio: float) -> bool:
    """Whether a colour has that contrast to all of these."""
    return all(contrast(colour, ground) >= ratio for ground in grounds)


def readable(ink: Ink, wanted: float, grounds: tuple[str, ...], ratio: float, *, darker: bool) -> str:
    """Return the tone nearest to the lightness `wanted` that has the contrast to all grounds, darker or lighter than it.

    Where even black or white does not reach it, that is returned: the caller chooses grounds that leave room.
    """
    if reaches(found := ink.at(wanted), grounds, ratio):
        return found
    near, far = wanted, 0.0 if darker else 1.0
    best = BLACK if darker else WHITE
    for _ in range(BISECTIONS):
        middle = (near + far) / 2
        if reaches(colour := ink.at(middle), grounds, ratio):
            best, far = colour, middle
        else:
            near = middle
    return best


def best_on(ground: str) -> str:
    """Return white or black, whichever reads better; one of them has a contrast of 4.58 at least."""
    return WHITE if contrast(WHITE, ground) >= contrast(BLACK, ground) else BLACK
