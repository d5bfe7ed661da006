"""Which characters a font file has glyphs for, and which of the machine's fonts help where ours do not.

Owns reading the `cmap` table, and the folders where a machine keeps fonts. Our own fonts come first and are enough for almost
every text; only a character that none of them has is looked for elsewhere, and only the files that have it are then used, so
that the rest of a picture looks the same on every machine. Source: OpenType 1.9, "cmap".
"""

from __future__ import annotations

import functools
import os
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unicodedata import category

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts")
SUFFIXES: Final = frozenset((".ttf", ".otf", ".ttc", ".otc"))
FILES_MAX: Final = 5_000
CMAP_MAX_BYTES: Final = 4 * 1024 * 1024
UNDRAWN: Final = frozenset(("Cc", "Cf", "Cs", "Cn", "Co", "Zs", "Zl", "Zp"))
VARIATION: Final = range(0xFE00, 0xFE10)
SHOWN_MAX: Final = 40
Ranges = tuple[tuple[int, int], ...]


def fonts_for(text: str, own: Iterable[Path]) -> list[Path]:
    """Return the machine's fonts that are needed to draw this text besides `own`. What no font has is named on stderr."""
    missing = missing_characters(text, own)
    found = []
    for file in machine_fonts() if missing else ():
        rest = without(missing, ranges(file))
        if len(rest) < len(missing):
            found.append(file)
            missing = rest
        if not missing:
            break
    if missing:
        say_missing("".join(sorted(missing)))
    return found


def missing_characters(text: str, fonts: Iterable[Path]) -> frozenset[str]:
    """Return the characters of a text that want a glyph and have none in these fonts."""
    missing = frozenset(
        character
        for character in set(text)
        if character > "\x7e" and ord(character) not in VARIATION and category(character) not in UNDRAWN
    )
    for file in fonts if missing else ():
        missing = without(missing, ranges(file))
    return missing


def without(characters: frozenset[str], covered: Ranges) -> frozenset[str]:
    """Return the characters that are not covered."""
    from bisect import bisect_right

    starts = [first for first, _ in covered]

    def is_covered(code: int) -> bool:
        position = bisect_right(starts, code) - 1
        return position >= 0 and code <= covered[position][1]

    return frozenset(character for character in characters if not is_covered(ord(character)))


@functools.cache
def say_missing(characters: str) -> None:
    """Name characters that cannot be drawn, once in a process."""
    sys.stderr.write(f"no font on this machine can draw: {characters[:SHOWN_MAX]} (install one, Debian's fonts-noto say)\n")


def machine_fonts() -> list[Path]:
    """Return the font files of this machine in a fixed order."""
    home = os.environ.get("HOME")
    folders = [Path(folder) for folder in (*FOLDERS, *((f"{home}/.fonts", f"{home}/.local/share/fonts") if home else ()))]
    files = (file for folder in folders for file in sorted(folder.rglob("*")) if file.suffix.lower() in SUFFIXES)
    return [file for file, _ in zip(files, range(FILES_MAX), strict=False)]


@functools.cache
def ranges(file: Path) -> Ranges:
    """Return the code points that a font has glyphs for, in order; none when it cannot be read."""
    try:
        with file.open("rb") as font:
            head = font.read(16)
            start = int.from_bytes(head[12:16]) if head[:4] == b"ttcf" else 0
            font.seek(start)
            count = struct.unpack(">4xH6x", font.read(12))[0]
            tables = {tag: place for tag, *place in struct.iter_unpack(">4s4xII", font.read(16 * count))}
            offset, size = tables[b"cmap"]
            font.seek(offset)
            return from_cmap(font.read(min(size, CMAP_MAX_BYTES)))
    except (OSError, struct.error, KeyError, IndexError):
        return ()


def from_cmap(cmap: bytes) -> Ranges:
    """Return the code points of the widest Unicode subtable. Raises struct.error when it is cut off."""
    subtables = {}
    for platform, encoding, offset in struct.iter_unpack(">HHI", cmap[4 : 4 + 8 * struct.unpack_from(">2xH", cmap)[0]]):
        if platform in (0, 3) and (platform, encoding) != (0, 5):
            subtables[struct.unpack_from(">H", cmap, offset)[0]] = offset
    if 12 in subtables:
        offset = subtables[12]
        (count,) = struct.unpack_from(">12xI", cmap, offset)
        return tuple(
            (first, last) for first, last, _ in struct.iter_unpack(">III", cmap[offset + 16 : offset + 16 + 12 * count])
        )
    if 4 not in subtables:
        return ()
    offset = subtables[4]
    (doubled,) = struct.unpack_from(">6xH", cmap, offset)
    ends = struct.unpack_from(f">{doubled // 2}H", cmap, offset + 14)
    starts = struct.unpack_from(f">{doubled // 2}H", cmap, offset + 16 + doubled)
    return tuple((first, last) for first, last in zip(starts, ends, strict=True) if first < 0xFFFF)
