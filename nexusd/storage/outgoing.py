"""A stored file on its way into a job's work directory, as a copy of its own.

Owns the copying, a bounded step at a time; blocks. Leaves out keys and threads.

A copy, not a hard link: the child runs under our uid and could chmod the shared inode and write into the store. Where the
filesystem can (btrfs, xfs) the kernel shares the blocks and moves no byte; elsewhere it copies inside the page cache.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from nexusd.storage.directories import open_below

if TYPE_CHECKING:
    import io
    from collections.abc import Sequence
    from pathlib import Path

STEP_BYTES: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_KERNEL_CANNOT: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


class NewFile:
    """A new file open as `target`, called `name` in the directory open as `parent`. Owns both descriptors."""

    def __init__(self, target: int, parent: int, name: str) -> None:
        self._target = target
        self._parent = parent
        self._name = name

    def write(self, data: bytes) -> None:
        """Append all of `data`."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._target, rest) :]

    def close(self) -> None:
        """Let go of the descriptors. The file stays."""
        os.close(self._target)
        os.close(self._parent)

    def discard(self) -> None:
        """Take the file away again."""
        try:
            os.unlink(self._name, dir_fd=self._parent)
        finally:
            self.close()


class Outgoing(NewFile):
    """A new file that becomes a copy of `source`, which stays its opener's."""

    def __init__(self, source: io.FileIO, target: int, parent: int, name: str) -> None:
        super().__init__(target, parent, name)
        self._source = source
        self._by_kernel = True

    def go_on(self) -> bool:
        """Copy up to 64 MiB more; tell whether there may be more."""
        if self._by_kernel:
            try:
                return os.copy_file_range(self._source.fileno(), self._target, STEP_BYTES) > 0
            except OSError as error:
                if error.errno not in _KERNEL_CANNOT:
                    raise
                self._by_kernel = False
        return self._copy_by_hand()

    def _copy_by_hand(self) -> bool:
        chunk = self._source.read(_CHUNK_BYTES)
        self.write(chunk or b"")
        return bool(chunk)


def open_copy(source: io.FileIO, directory: Path, segments: Sequence[str]) -> Outgoing:
    """Make an empty read-only file for the bytes of `source`, as `open_new` does."""
    return Outgoing(source, *_make(directory, segments))


def open_new(directory: Path, segments: Sequence[str]) -> NewFile:
    """Make an empty read-only file at `segments` below `directory`, and the folders on the way.

    Raises FileExistsError when the name is taken.
    """
    return NewFile(*_make(directory, segments))


def _make(directory: Path, segments: Sequence[str]) -> tuple[int, int, str]:
    with open_below(directory, segments[:-1], make=True) as parent:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(segments[-1], flags, 0o400, dir_fd=parent)
        return target, os.dup(parent), segments[-1]
