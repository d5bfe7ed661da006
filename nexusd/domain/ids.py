"""Ids: UUID version 7, so that the order of ids is the order of creation.

Source: RFC 9562 §5.7, with the monotonic counter of §6.2 method 1 in `rand_a` and the top of `rand_b`.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

PART_PATTERN: Final = r"^[0-9A-Fa-f-]{1,36}$"
END_MIN_DIGITS: Final = 6
"""An ending may be that short. The beginnings of ids are times, so people tell young ones apart by their endings."""

_GROUPS: Final = (8, 4, 4, 4, 12)
_DIGITS: Final = sum(_GROUPS)
_COUNTER_BITS = 42
_lock = threading.Lock()
_last_millisecond = 0
_counter = 0


def new_id() -> str:
    """Return a fresh id, greater than every id this process made before, as 36 lower-case characters."""
    global _last_millisecond, _counter
    random = os.urandom(10)
    with _lock:
        now = time.time_ns() // 1_000_000
        if now > _last_millisecond:
            _last_millisecond = now
            _counter = int.from_bytes(random[:6]) >> 7  # 41 random bits: room to count up within the millisecond
        else:
            _counter += 1
            if _counter >> _COUNTER_BITS:
                _last_millisecond += 1
                _counter = 0
        millisecond, counter = _last_millisecond, _counter
    high, low = counter >> 30, counter & 0x3FFFFFFF
    tail = int.from_bytes(random[6:])
    value = millisecond << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 32 | tail
    return str(UUID(int=value))


@dataclass(frozen=True, slots=True)
class IdPart:
    """How the ids that are meant begin, and how they may end instead; a side that is None fits no id."""

    beginning: str | None
    ending: str | None


def parse_part(text: str) -> IdPart:
    """Return what a part of an id stands for. Its case and its dashes do not matter; it must match PART_PATTERN."""
    digits = text.replace("-", "").lower()
    if not 0 < len(digits) <= _DIGITS:
        return IdPart(None, None)
    ending = _dashed(digits[::-1], _GROUPS[::-1])[::-1] if len(digits) >= END_MIN_DIGITS else None
    return IdPart(_dashed(digits, _GROUPS), ending)


def _dashed(digits: str, groups: tuple[int, ...]) -> str:
    """Return the digits with the dashes between them that an id has there, from its beginning on."""
    found = []
    for length in groups:
        found.append(digits[:length])
        digits = digits[length:]
        if not digits:
            break
    return "-".join(found)


def is_id(text: str) -> bool:
    """Tell whether `text` has the shape of an id in its canonical spelling."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
