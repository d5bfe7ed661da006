"""An end to what may take for ever: a request that is held, a stream that is silent, a daemon that is away.

It comes as Ctrl-C does, by a signal, so that nothing below has to know of it. To be used by the main thread, one at a time.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_NEARLY_AT_ONCE_SECONDS = 0.001


class Expired(BaseException):
    """The time is over. No Exception, for it can come amid anything, and must not be taken for what failed there."""


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Raise Expired inside the block once the time is over; None is for ever."""
    if seconds is None:
        yield
        return

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise Expired

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, _NEARLY_AT_ONCE_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
