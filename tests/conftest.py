"""What holds for every test: a thread or a child that it leaves behind is its own failure, and nobody else's."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.processes import children, running_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDING_SECONDS: Final = 5.0
"""How long a thread may take to end that nobody has waited for."""
KEPT: Final = "quickjs-worker"
"""How a thread is called that a library keeps for later."""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Find what a test has left. Children are ended, for the sake of the tests that follow; threads cannot be.

    What a fixture of a wider scope starts must be an argument of whoever uses it, so that it is there before this looks.
    """
    threads, pids = running_threads(), children()
    yield
    ours = [thread for thread in running_threads() - threads if not thread.name.startswith(KEPT)]
    for thread in ours:
        thread.join(ENDING_SECONDS)
    left = children() - pids
    for pid in left:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert not left, f"children were left: {left}"
    assert not (alive := [thread for thread in ours if thread.is_alive()]), f"threads were left: {alive}"
