"""Which characters of a drawing our fonts lack, so that the fonts of the machine are asked for those, and only then.

Reads the character maps of the font files themselves: no table to keep. Source: OpenType, `cmap` formats 4 and 12.
"""

from __future__ import annotations

import functools
import re
import struct
from html import unescape
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines import fonts

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    return frozenset(code for file in regular for code in _read_map(file.read_bytes()))


def _read_map(font: bytes) -> Iterator[int]:
    for number in range(struct.unpack_from(">H", font, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * number)
        if tag == b"cmap":
            for record in range(struct.unpack_from(">H", font, offset + 2)[0]):
                start = offset + struct.unpack_from(">I", font, offset + 4 + 8 * record + 4)[0]
                yield from _read_subtable(font, start)


def _read_subtable(font: bytes, start: int) -> Iterator[int]:
    form = struct.unpack_from(">H", font, start)[0]
    if form == 4:
        count = struct.unpack_from(">H", font, start + 6)[0] // 2
        ends = struct.unpack_from(f">{count}H", font, start + 14)
        starts = struct.unpack_from(f">{count}H", font, start + 16 + 2 * count)
        for first, last in zip(starts, ends, strict=True):
            yield from range(first, min(last, 0xFFFE) + 1)
    elif form == 12:
        for group in range(struct.unpack_from(">I", font, start + 12)[0]):
            first, last, _ = struct.unpack_from(">III", font, start + 16 + 12 * group)
            yield from range(first, last + 1)
