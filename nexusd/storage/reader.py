"""A stored file of a disk that is being read.

Owns the open file. Leaves out finding it (`local_disk`) and what a range of a request is (`api`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    import io


class FileReader:
    """A `StoredReader` of an open file. The file is never written to, so its size stays."""

    def __init__(self, file: io.FileIO, limiter: trio.CapacityLimiter) -> None:
        self.byte_size: int = os.fstat(file.fileno()).st_size
        self._file = file
        self._limiter = limiter

    async def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the file; see `StoredReader.read`. Cancellation: waits for the read in hand."""
        return await trio.to_thread.run_sync(os.pread, self._file.fileno(), length, offset, limiter=self._limiter)

    def close(self) -> None:
        """Let go of the file; see `StoredReader.close`."""
        self._file.close()
