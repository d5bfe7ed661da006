"""Pipes from a child: we read `stream`, the child gets `writing`."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Pipe:
    """One pipe. As long as we hold `writing` ourselves, `stream` does not end."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe()
        self.stream = trio.lowlevel.FdStream(reading)

    def close_writing(self) -> None:
        """Leave the writing to the child."""
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1

    async def aclose(self) -> None:
        """Close what is still open."""
        self.close_writing()
        await self.stream.aclose()


@asynccontextmanager
async def open_pipe() -> AsyncIterator[Pipe]:
    """Open a pipe and close it on leaving."""
    pipe = Pipe()
    try:
        yield pipe
    finally:
        await pipe.aclose()
