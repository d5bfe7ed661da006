"""The times in an animated AVIF, set to nought: its encoder writes those of today, and cannot be told not to.

Owns the way to the three boxes that hold them. Source: ISO/IEC 14496-12, §8.2.2, §8.3.2, §8.4.2.
"""

from __future__ import annotations

import struct
from typing import Final

FOLDERS: Final = (b"moov", b"trak", b"mdia")
TIMED: Final = (b"mvhd", b"tkhd", b"mdhd")


def without_times(content: bytes) -> bytes:
    """Return the file with every time of creation and modification at nought."""
    changed = bytearray(content)
    _clear(changed, 0, len(changed))
    return bytes(changed)


def _clear(content: bytearray, at: int, end: int) -> None:
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8:  # to the end, or above four gigabytes: neither holds times here
            return
        if kind in FOLDERS:
            _clear(content, at + 8, at + size)
        elif kind in TIMED:
            length = 16 if content[at + 8] == 1 else 8  # version 1 has eight bytes for each
            content[at + 12 : at + 12 + length] = bytes(length)
        at += size
