"""Reads just enough of a PDF to know what is in it. Not a PDF library: it unpacks streams and looks for names."""

from __future__ import annotations

import re
import zlib


def unpacked(pdf: bytes) -> bytes:
    """Return the file with all its packed streams unpacked behind it, and no space between names and values."""
    parts = [pdf]
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(found[1]))
        except zlib.error:
            continue
    return re.sub(rb"(/\w+)\s+(?=[/(\[<])", rb"\1", b"\n".join(parts))


def page_count(pdf: bytes) -> int:
    """Return the number of pages."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", unpacked(pdf)))
