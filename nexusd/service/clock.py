"""The wall clock, as far as it can be trusted with deleting things.

It is never further on than what it was when this life began and what has passed since then: a clock that is put forward while
the daemon runs makes nothing old. One that was wrong at the start cannot be told from a right one.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from nexusd.contract.base import utc_now

if TYPE_CHECKING:
    from datetime import datetime


class SteadyClock:
    """A clock that begins when it is made."""

    def __init__(self) -> None:
        self._began_at = utc_now()
        self._began = _elapsed()

    def now(self) -> datetime:
        """Return the time."""
        return min(utc_now(), self._began_at + timedelta(seconds=_elapsed() - self._began))


def _elapsed() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # goes on while the machine sleeps, and is never set
