"""How long to pause before the next try: exponential with full jitter, bounded. No I/O, no clock.

Full jitter, which is anything from nothing to a bound that doubles, spreads the clients of a daemon that came back.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 1.0


class Backoff:
    """The failures since something last went well."""

    def __init__(
        self,
        first_seconds: float = FIRST_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
        *,
        choose: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.first_seconds = first_seconds
        """The bound of the first pause; a server may ask for another."""
        self._longest_seconds = longest_seconds
        self._choose = choose
        self._failures = 0

    def reset(self) -> None:
        """Forget the failures."""
        self._failures = 0

    def take_seconds(self) -> float:
        """Count a failure and return how long to pause. A server that asks for more than the longest pause gets it."""
        longest = max(self._longest_seconds, self.first_seconds)
        bound = min(self.first_seconds * 2 ** min(self._failures, 32), longest)
        self._failures += 1
        return self._choose(0.0, bound)
