"""Same bytes once: an index of the stored files by what is in them, so that a second copy becomes a second name.

    {root}/.blobs/{first two digits}/{rest of the sha256}        one more name (hard link) of a stored file

Every asset keeps a name of its own, and a file lives as long as it has one: so deleting an asset never harms another, nothing
is counted, and nothing can be counted wrongly. The index is a convenience. It is written after a file is stored and durable, it
is not fsynced, and what is missing in it costs room, never bytes.

Invariants: a name in the index is a plain read-only file that was hashed and fsynced before it got there. When the index holds
the last name of a file, that is garbage.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusd.storage.directories import Directories
    from nexusd.storage.syscalls import Syscalls

BLOBS: Final = ".blobs"
SHARD_DIGITS: Final = 2


class Blobs:
    """The index of one root. Everything blocks."""

    def __init__(self, directories: Directories, syscalls: Syscalls) -> None:
        self._directories = directories
        self._syscalls = syscalls

    @contextmanager
    def open_same(self, sha256: str, byte_size: int) -> Iterator[int | None]:
        """Open the stored file with these bytes for the length of the block; None when the index knows of none."""
        descriptor = self._open(sha256)
        try:
            yield descriptor if descriptor is not None and os.fstat(descriptor).st_size == byte_size else None
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def add(self, sha256: str, descriptor: int) -> None:
        """Note a stored file. A note that cannot be made, on a full disk say, is left out."""
        with suppress(OSError):
            try:
                self._note(sha256, descriptor)
            except FileNotFoundError:
                self._make_shard(sha256)
                self._note(sha256, descriptor)

    def drop_last(self, sha256: str) -> bool:
        """Forget a file that has no other name left, which frees its room; tell whether there was one."""
        with suppress(OSError), self._directories.open_directory(_shard(sha256)) as shard:
            return self._drop_last(sha256[SHARD_DIGITS:], shard)
        return False

    def _open(self, sha256: str) -> int | None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with suppress(OSError), self._directories.open_directory(_shard(sha256)) as shard:
            descriptor = os.open(sha256[SHARD_DIGITS:], flags, dir_fd=shard)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
        return None

    def _note(self, sha256: str, descriptor: int) -> None:
        with self._directories.open_directory(_shard(sha256)) as shard:
            name = sha256[SHARD_DIGITS:]
            try:
                self._syscalls.link(descriptor, shard, name)
            except FileExistsError:  # it has as many names as the file system allows, or another size: ours takes its place
                self._syscalls.unlink(name, shard)
                self._syscalls.link(descriptor, shard, name)

    def _make_shard(self, sha256: str) -> None:
        with self._directories.open_directory([]) as root, suppress(FileExistsError):
            self._syscalls.mkdir(BLOBS, root)
        with self._directories.open_directory([BLOBS]) as top, suppress(FileExistsError):
            self._syscalls.mkdir(sha256[:SHARD_DIGITS], top)

    def _drop_last(self, name: str, shard: int) -> bool:
        if os.stat(name, dir_fd=shard, follow_symlinks=False).st_nlink > 1:
            return False
        self._syscalls.unlink(name, shard)
        return True


def _shard(sha256: str) -> list[str]:
    return [BLOBS, sha256[:SHARD_DIGITS]]
