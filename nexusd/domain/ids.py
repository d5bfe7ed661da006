"""Ids: UUID version 7, so that the order of ids is the order of creation.

Source: RFC 9562 §5.7, with the monotonic counter of §6.2 method 1 in `rand_a` and the top of `rand_b`.
"""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

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


def is_id(text: str) -> bool:
    """Tell whether `text` has the shape of an id in its canonical spelling."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
