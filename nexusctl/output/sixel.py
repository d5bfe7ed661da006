"""Pictures as sixels: pixels in, the bytes of the protocol out; and a PNG made into pixels, for which Pillow is imported.

A sixel is six pixels of one colour, one above the other; a picture is drawn in bands of them, each colour over the one before.

Invariant: nothing but printable ASCII stands between the introducer and the end of what is returned.

Source: VT330/VT340 Programmer Reference Manual, volume 2, chapter 14, "Graphics Programming".
"""

from __future__ import annotations

import io
from itertools import groupby
from typing import TYPE_CHECKING, Final

from nexusctl.output.pictures import png_size

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS_MAX: Final = 256
DECODED_MAX_PIXELS: Final = 32_000_000
"""What a PNG may become in memory: four bytes each."""

DRAWN_MAX_PIXELS: Final = 1_000_000
_BAND: Final = 6
_RUN_MIN: Final = 4
_LEVELS: Final = 255
_PAPER: Final = (255, 255, 255, 255)


def encode_sixel(size: tuple[int, int], palette: Sequence[tuple[int, int, int]], pixels: bytes) -> str:
    """Return the escape that draws a picture at the cursor. `pixels` are places in the palette, row after row."""
    width, height = size
    colours = "".join(
        f"#{number};2;{';'.join(str(round(part * 100 / _LEVELS)) for part in colour)}" for number, colour in enumerate(palette)
    )
    bands = [_encode_band(pixels[top * width : (top + _BAND) * width], width) for top in range(0, height, _BAND)]
    return f'\x1bP0;1;0q"1;1;{width};{height}{colours}{"-".join(bands)}\x1b\\'


def png_to_sixel(png: bytes, scale: float) -> str | None:
    """Return the escape that draws a PNG, made smaller and put on white; None when it is not one that can be read."""
    size = png_size(png)
    if size is None or size[0] * size[1] > DECODED_MAX_PIXELS:
        return None
    from PIL import Image

    scale = min(scale, (DRAWN_MAX_PIXELS / (size[0] * size[1])) ** 0.5)
    drawn = max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as file:
            picture = file.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow says of a PNG that is broken
        return None
    paper = Image.new("RGBA", drawn, _PAPER)
    paper.alpha_composite(picture.resize(drawn))
    indexed = paper.convert("RGB").quantize(COLOURS_MAX)
    flat = indexed.getpalette() or []
    palette = [(flat[place], flat[place + 1], flat[place + 2]) for place in range(0, len(flat) - 2, 3)]
    return encode_sixel(drawn, palette, indexed.tobytes())


def _encode_band(pixels: bytes, width: int) -> str:
    """Return up to six rows: for each colour in them its sixels, then back to the left for the next."""
    rows: dict[int, bytearray] = {}
    for place, colour in enumerate(pixels):
        if colour not in rows:
            rows[colour] = bytearray(width)
        rows[colour][place % width] |= 1 << (place // width)
    return "$".join(f"#{colour}{_encode_row(row)}" for colour, row in sorted(rows.items()))


def _encode_row(row: bytearray) -> str:
    """Return sixels, runs of the same shortened, and what is empty at the end left out."""
    parts = []
    for sixel, run in groupby(row.rstrip(b"\0")):
        count = sum(1 for _ in run)
        character = chr(0x3F + sixel)
        parts.append(f"!{count}{character}" if count >= _RUN_MIN else character * count)
    return "".join(parts)
