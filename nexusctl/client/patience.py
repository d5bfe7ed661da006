"""How long to try again, and how long to pause in between.

Owns the back-off after a connection failed: exponential with jitter, bounded in total. Owns no request; what to do about a dead
daemon (start another) is the `revive` that it is given.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from nexusctl.errors import Unreachable

PATIENCE_SECONDS: Final = 30.0
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0

Revive = Callable[[float], bool]
Notice = Callable[[str], None]


class Patience:
    """The failures since the daemon last answered. Call `failed` after each, `answered` after each success.

    `revive` is called on every failure with the seconds since the last answer, and may start a daemon; it returns whether
    it did. `notice` is told once that the daemon was lost.
    """

    def __init__(
        self,
        seconds: float = PATIENCE_SECONDS,
        *,
        revive: Revive | None = None,
        notice: Notice | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = seconds
        self._revive = revive
        self._notice = notice
        self._clock = clock
        self._sleep = sleep
        self._lost_at: float | None = None
        self._pause = _FIRST_PAUSE_SECONDS

    def answered(self) -> None:
        """Forget the failures."""
        self._lost_at = None
        self._pause = _FIRST_PAUSE_SECONDS

    def failed(self, reason: str, *, pause_seconds: float | None = None) -> None:
        """Pause before another try. Raises Unreachable when the patience is used up, or when reviving fails."""
        now = self._clock()
        if self._lost_at is None:
            self._lost_at = now
            if self._notice is not None:
                self._notice(f"{reason}; trying again")
        silent_seconds = now - self._lost_at
        if silent_seconds > self._seconds:
            raise Unreachable(f"nexusd has not answered for {silent_seconds:.0f} seconds: {reason}")
        if self._revive is not None and self._revive(silent_seconds):
            self._pause = _FIRST_PAUSE_SECONDS
        self._sleep(pause_seconds if pause_seconds is not None else self._pause * random.uniform(0.5, 1.5))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
