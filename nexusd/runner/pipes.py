"""Pipes from a child: we read with `receive`, the child gets `writing`.

A read is one wait and one step of the scheduler, where trio's own stream takes two: a job has five or more of them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pipe:
    """One pipe, which one task at a time may read. As long as we hold `writing` ourselves, it has no end."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)

    async def receive(self, max_bytes: int) -> bytes:
        """Return up to so many bytes as soon as there are any; b"" once the last holder of the other end has closed it."""
        while True:
            await trio.lowlevel.wait_readable(self._reading)
            with suppress(BlockingIOError):
                return os.read(self._reading, max_bytes)

    def close_writing(self) -> None:
        """Leave the writing to the child."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    def close(self) -> None:
        """Close what is still open. Nobody may be reading."""
        self.close_writing()
        os.close(self._reading)


@contextmanager
def open_pipe() -> Iterator[Pipe]:
    """Open a pipe and close it on leaving."""
    pipe = Pipe()
    try:
        yield pipe
    finally:
        pipe.close()
