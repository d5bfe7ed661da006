"""How long to try again, and what to do meanwhile. No I/O: the pauses are steps of a plan.

Owns the time since the daemon last answered. Owns no request; what to do about a dead daemon (start another) is the `revive`
that it is given; how long the pauses are is `backoff`'s.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from nexusctl.client.backoff import Backoff
from nexusctl.client.steps import Do, Pause
from nexusctl.errors import Unreachable

if TYPE_CHECKING:
    from nexusctl.client.steps import Plan

PATIENCE_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 30.0
FOR_EVER: Final = math.inf
"""The patience of a client that never gives up."""

Revive = Callable[[float], bool]
Notice = Callable[[str], None]


class Patience:
    """The failures since the daemon last answered. Carry out `failed` after each, call `answered` after each success.

    `revive` is called on every failure with the seconds since the last answer, and may start a daemon; it returns whether
    it did. `notice` is told once that the daemon was lost. `sleep` is how a synchronous client lets time pass. `answer_seconds`
    is how long a daemon that is there may say nothing, before it is taken for one that hangs.
    """

    def __init__(
        self,
        seconds: float = PATIENCE_SECONDS,
        *,
        revive: Revive | None = None,
        notice: Notice | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._seconds = seconds
        self.answer_seconds = answer_seconds
        self._revive = revive
        self._notice = notice
        self.clock = clock
        self.sleep = sleep
        self._lost_at: float | None = None
        self._backoff = Backoff()

    def renew(self) -> Patience:
        """Return the same patience without the failures: each plan has its own, for many may be under way at once."""
        return Patience(
            self._seconds,
            revive=self._revive,
            notice=self._notice,
            clock=self.clock,
            sleep=self.sleep,
            answer_seconds=self.answer_seconds,
        )

    def answered(self) -> None:
        """Forget the failures."""
        self._lost_at = None
        self._backoff.reset()

    def failed(
        self, reason: str, *, pause_seconds: float = 0.0, backoff: Backoff | None = None, until: float = math.inf
    ) -> Plan[None]:
        """Pause before another try, as long as `backoff` says and `pause_seconds` at least, but not past `until`.

        A daemon that was revived just now is asked at once. Raises Unreachable when the patience is used up, or when reviving
        fails.
        """
        now = self.clock()
        if self._lost_at is None:
            self._lost_at = now
            if self._notice is not None:
                self._notice(f"{reason}; trying again")
        silent_seconds = now - self._lost_at
        if silent_seconds > self._seconds:
            raise Unreachable(f"nexusd has not answered for {silent_seconds:.0f} seconds: {reason}")
        pacing = backoff or self._backoff
        if self._revive is not None and (yield Do(partial(self._revive, silent_seconds), may_be_left=True)):
            pacing.reset()
            return
        seconds = pause_seconds + pacing.take_seconds()
        yield Pause(max(0.0, min(seconds, until - now)))
