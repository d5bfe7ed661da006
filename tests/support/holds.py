"""Holds: somebody arrives at a failpoint and stays there until the test lets go. In this process, and in a daemon's."""

from __future__ import annotations

import os
import select
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from nexusd import failpoints
from tests.support.daemons import open_pidfd
from tests.support.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemons import Program

IN_THREADS: Final = ("store.", "storage.", "migration.", "backup.")
"""Which points are in threads of their own; those of the hub would hold trio's thread, and with it the test."""


class TaskHold:
    """Holds a task."""

    def __init__(self) -> None:
        self.reached = trio.Event()
        self._go = trio.Event()

    async def __call__(self, _name: str) -> None:
        self.reached.set()
        await self._go.wait()

    def let_go(self) -> None:
        """Let go what is held, and hold nothing any more."""
        self._go.set()


class ThreadHold:
    """Holds a thread."""

    def __init__(self) -> None:
        self.reached = trio.Event()
        self._go = threading.Event()
        self._token = trio.lowlevel.current_trio_token()

    def __call__(self, _name: str) -> None:
        if not self._go.is_set():
            self._token.run_sync_soon(self.reached.set)
            self._go.wait(HANG_SECONDS)

    def let_go(self) -> None:
        """Let go what is held, and hold nothing any more."""
        self._go.set()


@contextmanager
def holding_at(name: str) -> Iterator[TaskHold | ThreadHold]:
    """Hold whoever reaches a point first, in this process, until it is let go: at the end of the block at the latest."""
    hold = ThreadHold() if name.startswith(IN_THREADS) else TaskHold()
    with failpoints.armed(name, hold):
        try:
            yield hold
        finally:
            hold.let_go()


class Block:
    """The two FIFOs of the action `block`: open from the start, so that nobody waits for the other end."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.action = f"block:{directory}"
        self._descriptors = []
        for name in ("reached", "go"):
            os.mkfifo(directory / name, 0o600)
            self._descriptors.append(os.open(directory / name, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        self._reached, self._go = self._descriptors

    def __enter__(self) -> Block:
        return self

    def __exit__(self, *_failure: object) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)

    def wait_reached(self, program: Program) -> str:
        """Return the name of the point that the daemon is at; fail when it ends before."""
        with open_pidfd(program.pid) as ended:
            ready, _, _ = select.select([self._reached, ended], [], [], HANG_SECONDS)
        assert self._reached in ready, f"the failpoint was not reached:\n{program.log}"
        return os.read(self._reached, 4096).decode().strip()

    def let_go(self) -> None:
        """Let one go."""
        os.write(self._go, b"x")
