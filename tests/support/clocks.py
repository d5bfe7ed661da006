"""A clock that runs, and can be put forward: what waits for a deadline need not be waited for."""

from __future__ import annotations

import math
import time

import trio


class SkippingClock(trio.abc.Clock):
    """The real time, plus what was skipped. Given to a test as a fixture, it is the clock of its trio run."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def skip(self, seconds: float) -> None:
        """Put the clock forward. Whoever's deadline passes by it is woken as soon as the caller waits for anything."""
        self._skipped += seconds

    def start_clock(self) -> None:
        """Nothing is to be done."""

    def current_time(self) -> float:
        """Return the time in seconds."""
        return time.monotonic() + self._skipped

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return how long it is until then."""
        return math.inf if deadline == math.inf else deadline - self.current_time()
