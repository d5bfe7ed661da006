"""Pictures in a terminal: a PNG in, the bytes of a protocol out. Pure: no I/O, no environment.

Owns the encodings of kitty and iTerm2, and how large a picture is drawn; that of sixels, which needs pixels, is `sixel`'s.
Which protocol a terminal has is `terminals`'.

Invariant: besides the protocol's own words only digits and base64 leave here. Nothing that an asset is called, and no byte of
its content as it is, reaches the terminal.

Sources: "Terminal graphics protocol", https://sw.kovidgoyal.net/kitty/graphics-protocol/; "Inline Images Protocol",
https://iterm2.com/documentation-images.html; PNG (W3C, third edition) §5.2 and §11.2.1.
"""

from __future__ import annotations

import base64
import math
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = struct.Struct(">8sI4sII")
_CHUNK_LENGTH: Final = 4096
"""Of base64: the most that kitty takes at once, and a multiple of four."""

_SIDE_MAX: Final = 2**31 - 1


class Protocol(StrEnum):
    """The ways in which terminals take pictures."""

    KITTY = "kitty"
    ITERM2 = "iterm2"
    SIXEL = "sixel"


@dataclass(frozen=True, slots=True)
class Room:
    """What a terminal has: columns and lines of cells, and the pixels of one."""

    columns: int
    lines: int
    cell_width: int = 8
    cell_height: int = 16


def png_size(content: bytes) -> tuple[int, int] | None:
    """Return the width and height of a PNG in pixels; None when it is no PNG."""
    if len(content) < _HEADER.size:
        return None
    signature, length, kind, width, height = _HEADER.unpack_from(content)
    is_png = signature == _PNG_SIGNATURE and kind == b"IHDR" and length == 13
    return (width, height) if is_png and 0 < width <= _SIDE_MAX and 0 < height <= _SIDE_MAX else None


def scale_to(size: tuple[int, int], room: Room) -> float:
    """Return how much smaller a picture must be to fit; never above 1."""
    width, height = size
    return min(1.0, room.columns * room.cell_width / width, max(1, room.lines) * room.cell_height / height)


def columns_of(size: tuple[int, int], room: Room) -> int:
    """Return how many columns a picture takes that is made to fit."""
    return max(1, min(room.columns, math.ceil(size[0] * scale_to(size, room) / room.cell_width)))


def encode_kitty(png: bytes, columns: int) -> str:
    """Return the escapes that draw a PNG at the cursor, so many columns wide; the terminal answers nothing."""
    encoded = base64.standard_b64encode(png).decode("ascii")
    pieces = [encoded[start : start + _CHUNK_LENGTH] for start in range(0, len(encoded), _CHUNK_LENGTH)] or [""]
    told = []
    for number, piece in enumerate(pieces):
        first = f"a=T,f=100,c={columns}," if number == 0 else ""
        told.append(f"\x1b_G{first}q=2,m={int(number < len(pieces) - 1)};{piece}\x1b\\")
    return "".join(told)


def encode_iterm2(png: bytes, columns: int) -> str:
    """Return the escape that draws a PNG at the cursor, so many columns wide. It has a name there; none is given."""
    encoded = base64.standard_b64encode(png).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(png)};width={columns};height=auto;preserveAspectRatio=1:{encoded}\x07"
