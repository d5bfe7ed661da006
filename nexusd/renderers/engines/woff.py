"""WOFF (or TrueType) to TrueType, under another family name.

D2 puts its fonts into the SVG; Typst reads TrueType files and finds them by their family name. All of D2's fonts become the
regular face of a family of their own, since D2's CSS asks for each by name and not by weight. Sources: WOFF File Format 1.0;
OpenType 1.9, "Organization of an OpenType Font".
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from nexusd.renderers.job import RendererFailed

HEADER: Final = struct.Struct(">4sIIHHIHHIIIII")
ENTRY: Final = struct.Struct(">4sIIII")
FONT_MAX_BYTES: Final = 32 * 1024 * 1024
REGULAR_WEIGHT, REGULAR_SELECTION, ITALIC_SELECTION = 400, 0x40, 0x01


def to_truetype(font: bytes, family: str, *, weight: int = REGULAR_WEIGHT, italic: bool = False) -> bytes:
    """Return the font as TrueType, named `family`. Raises RendererFailed when it cannot be read.

    The checksum over the whole file is left at nought, which every reader takes for "not given".
    """
    try:
        flavor, tables = read_woff(font) if font[:4] == b"wOFF" else read_sfnt(font)
        tables[b"name"] = name_table(family)
        selection = ITALIC_SELECTION if italic else REGULAR_SELECTION
        tables[b"OS/2"] = patched(tables[b"OS/2"], {4: weight, 62: selection})
        tables[b"head"] = patched(tables[b"head"], {8: 0, 10: 0, 44: 0})
    except (struct.error, zlib.error, KeyError) as error:
        raise RendererFailed(f"a font in the drawing cannot be read: {error!r}") from error
    return sfnt(flavor, tables)


def read_sfnt(font: bytes) -> tuple[int, dict[bytes, bytes]]:
    """Return the flavor and the tables of a TrueType file."""
    flavor, count = struct.unpack_from(">IH", font)
    if flavor not in (0x00010000, int.from_bytes(b"OTTO")):
        raise struct.error(f"neither WOFF nor TrueType: {font[:4]!r}")
    entries = [struct.unpack_from(">4s3I", font, 12 + 16 * index) for index in range(count)]
    return flavor, {tag: font[offset : offset + size] for tag, _, offset, size in entries}


def read_woff(woff: bytes) -> tuple[int, dict[bytes, bytes]]:
    """Return the flavor and the unpacked tables of a WOFF file."""
    _, flavor, _, count, *_ = HEADER.unpack_from(woff)
    tables = {}
    for index in range(count):
        tag, offset, packed, size, _ = ENTRY.unpack_from(woff, HEADER.size + index * ENTRY.size)
        content = woff[offset : offset + packed]
        if size > FONT_MAX_BYTES:
            raise struct.error(f"table {tag!r} of {size} bytes")
        tables[tag] = zlib.decompressobj().decompress(content, size) if packed < size else content
    return flavor, tables


def patched(table: bytes, values: dict[int, int]) -> bytes:
    """Return a table with 16-bit values put at these offsets."""
    content = bytearray(table)
    for offset, value in values.items():
        struct.pack_into(">H", content, offset, value)
    return bytes(content)


def name_table(family: str) -> bytes:
    """Return a name table that says this family, Regular."""
    names = {1: family, 2: "Regular", 4: family, 6: family}
    records, texts = b"", b""
    for identifier, name in names.items():
        encoded = name.encode("utf-16-be")
        records += struct.pack(">6H", 3, 1, 0x409, identifier, len(encoded), len(texts))
        texts += encoded
    return struct.pack(">3H", 0, len(names), 6 + len(records)) + records + texts


def sfnt(flavor: int, tables: dict[bytes, bytes]) -> bytes:
    """Return a font file made of these tables."""
    power = len(tables).bit_length() - 1
    header = struct.pack(">I4H", flavor, len(tables), 16 << power, power, 16 * (len(tables) - (1 << power)))
    offset = len(header) + 16 * len(tables)
    directory, body = b"", b""
    for tag in sorted(tables):
        content = tables[tag]
        padded = content + bytes(-len(content) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4s3I", tag, checksum, offset + len(body), len(content))
        body += padded
    return header + directory + body
