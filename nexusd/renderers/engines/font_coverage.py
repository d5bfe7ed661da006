"""Which characters of a drawing our fonts lack, so that the fonts of the machine are asked for those, and only then.

Owns which text of a drawing counts. What a font has is read from the font itself, by `glyphs`: no table to keep.
"""

from __future__ import annotations

import functools
import re
from html import unescape
from typing import Final

from nexusd.renderers.engines import fonts
from nexusd.renderers.engines.glyphs import ranges

TEXT: Final = re.compile(r">([^<>]*[^<>\s][^<>]*)</t")  # of text, tspan and title
UNDRAWN: Final = frozenset(range(0x20)) | {0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, *range(0xFE00, 0xFE10)}


def uncovered(svg: str) -> str:
    """Return the characters of a drawing's text that are in none of our fonts, each once, in order."""
    if svg.isascii() and "&#" not in svg:
        return ""
    codes = {ord(character) for text in TEXT.findall(svg) for character in unescape(text)}
    return "".join(map(chr, sorted(codes - covered() - UNDRAWN)))


@functools.cache
def covered() -> frozenset[int]:
    """Return the code points that have a glyph in the regular face of a family of ours."""
    regular = [file for file in fonts.files() if file.stem in fonts.REGULAR]
    return frozenset(code for file in regular for first, last in ranges(file) for code in range(first, last + 1))
