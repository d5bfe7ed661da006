"""Reads a stored file to its end and hashes it, behind everybody else's reads.

Blocks, a bounded step at a time. The thread's I/O priority is `idle` meanwhile, where the kernel's scheduler knows of such a
thing: whoever looks after a whole store must not slow down those who use it.

Source: ioprio_set(2).
"""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

CHUNK_BYTES: Final = 1024 * 1024
_THIS_THREAD: Final = (1, 0)
_IDLE: Final = 3 << 13
_CALLS: Final = {"x86_64": (251, 252), "aarch64": (30, 31)}
"""The numbers of ioprio_set and ioprio_get."""


class Hashing:
    """A file on the way through the hash. The caller closes it."""

    def __init__(self, file: io.FileIO) -> None:
        self.byte_size = 0
        self._file = file
        self._hash = hashlib.sha256()
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)

    @property
    def sha256(self) -> str:
        """The hash of what was read so far."""
        return self._hash.hexdigest()

    def go_on(self, chunks: int) -> bool:
        """Hash up to so many further chunks; tell whether there may be more."""
        buffer = bytearray(CHUNK_BYTES)
        with _idle_io():
            for _ in range(chunks):
                count = self._file.readinto(buffer)
                if not count:
                    return False
                self._hash.update(memoryview(buffer)[:count])
                self.byte_size += count
        return True


@contextmanager
def _idle_io() -> Iterator[None]:
    """Let this thread's reads wait for all others; where that cannot be had, nothing changes."""
    import ctypes  # five milliseconds that the start of the daemon shall not pay

    if platform.machine() not in _CALLS:
        yield
        return
    set_priority, get_priority = _CALLS[platform.machine()]
    kernel = ctypes.CDLL(None)
    before = kernel.syscall(get_priority, *_THIS_THREAD)
    kernel.syscall(set_priority, *_THIS_THREAD, _IDLE)
    try:
        yield
    finally:
        kernel.syscall(set_priority, *_THIS_THREAD, max(before, 0))
