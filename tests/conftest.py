"""What holds for every test: a thread or a child that it leaves behind is its own failure, and nobody else's."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.patience import HANG_SECONDS
from tests.support.processes import children, running_threads

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

JOIN_SECONDS: Final = 0.05
"""How often the threads are looked at meanwhile."""
KEPT: Final = "quickjs-worker"
"""How a thread is called that a library keeps for later."""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Find what a test has left. Children are ended, for the sake of the tests that follow; threads cannot be.

    What a fixture of a wider scope starts must be an argument of whoever uses it, so that it is there before this looks.
    """
    threads, pids = running_threads(), children()
    yield
    alive = wait_ended(threads)
    left = children() - pids
    for pid in left:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert not left, f"children were left: {left}"
    assert not alive, f"threads were left: {alive}"


def wait_ended(before: set[threading.Thread]) -> list[threading.Thread]:
    """Return the threads that are left beside those; one that nobody has waited for is given its time to end.

    A thread of trio's that has done its work is idle for a while, and is no longer among the running ones then.
    """
    end_at = time.monotonic() + HANG_SECONDS
    while left := [thread for thread in running_threads() - before if not thread.name.startswith(KEPT)]:
        if time.monotonic() > end_at:
            break
        left[0].join(JOIN_SECONDS)
    return left
