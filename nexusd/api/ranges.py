"""Which bytes of a file a request wants: `Range`, and the `If-Range` that makes it conditional.

One range is honoured. Several of them, another unit or nonsense get the whole file, as the RFC allows: no client can tell a
server without ranges from one that is spared the trouble.

Source: RFC 9110 §13.1.5, §14.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nexusd.errors import RangeNotSatisfiable

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.IGNORECASE | re.ASCII)


def find_range(headers: Mapping[str, str], byte_size: int, etag: str) -> range | None:
    """Return the offsets that are wanted of a file, or None for all of it. The range is never empty.

    Raises RangeNotSatisfiable when they all lie past its end.
    """
    found = _ONE_RANGE.fullmatch(headers.get("range", ""))
    if found is None or headers.get("if-range", etag).strip() != etag:  # a weak tag or a date never compares as strong
        return None
    first, last = found.groups()
    if not first:
        return _find_suffix(int(last), byte_size) if last else None
    if last and int(last) < int(first):
        return None
    if int(first) >= byte_size:
        raise RangeNotSatisfiable(f"the file has {byte_size} bytes, so nothing is at {first}")
    return range(int(first), min(int(last) + 1, byte_size) if last else byte_size)


def _find_suffix(length: int, byte_size: int) -> range | None:
    if length == 0:
        raise RangeNotSatisfiable("the last 0 bytes of a file are none")
    return range(max(0, byte_size - length), byte_size) if byte_size else None
