"""What holds for every test: a thread or a child that it leaves behind is its own failure, and nobody else's."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.processes import children

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDING_SECONDS: Final = 5.0
"""How long a thread may take to end that nobody has waited for."""
KEPT: Final = ("Trio thread", "quickjs-worker")
"""What threads are called that libraries keep for later."""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Find what a test has left. Children are ended, for the sake of the tests that follow; threads cannot be.

    What a fixture of a wider scope starts must be an argument of whoever uses it, so that it is there before this looks.
    """
    threads, pids = set(threading.enumerate()), children()
    yield
    ours = [thread for thread in threading.enumerate() if thread not in threads and not thread.name.startswith(KEPT)]
    for thread in ours:
        thread.join(ENDING_SECONDS)
    left = children() - pids
    for pid in left:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert not left, f"children were left: {left}"
    assert not (alive := [thread for thread in ours if thread.is_alive()]), f"threads were left: {alive}"
