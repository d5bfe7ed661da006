"""Garbage on a local disk: names that nobody needs any more, and blobs whose last name is the one in the index.

Owns finding out what a deletion frees, and the deleting, a bounded step at a time; blocks. Leaves out what is garbage: the
caller says. A run that is only `planned` deletes nothing and finds what one right after it would.

Invariant: a blob goes only when no stored file has it any more, as the file system counts its names at that moment.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from nexusd import failpoints
from nexusd.storage.blobs import BLOBS
from nexusd.storage.keys import split_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.storage.directories import Directories
    from nexusd.storage.syscalls import Syscalls

Inode = tuple[int, int]


class Collection:
    """One run: first `look_at` all that is to go, then `take` it, then `take_blobs` of each of `shards`."""

    def __init__(self, directories: Directories, syscalls: Syscalls, *, is_planned: bool) -> None:
        self.bytes_freed = 0
        self.blobs = 0
        self.taken: list[str] = []
        self._directories = directories
        self._syscalls = syscalls
        self._is_planned = is_planned
        self._going: Counter[Inode] = Counter()
        self._sizes: dict[Inode, tuple[int, int]] = {}
        """Of what is to go: how many names it has altogether, and its size."""

    def look_at(self, object_keys: Sequence[str]) -> None:
        """Count the names that are to go."""
        for key in object_keys:
            *folders, name = split_key(key)
            with suppress(OSError), self._directories.open_directory(folders) as parent:
                found = os.stat(name, dir_fd=parent, follow_symlinks=False)
                self._going[_inode(found)] += 1
                self._sizes[_inode(found)] = found.st_nlink, found.st_size

    def take(self, object_keys: Sequence[str]) -> None:
        """Take these names away. What cannot be taken stays, for the next run."""
        for key in object_keys:
            *folders, name = split_key(key)
            with suppress(OSError), self._directories.open_directory(folders) as parent:
                if self._is_planned:
                    os.stat(name, dir_fd=parent, follow_symlinks=False)
                else:
                    failpoints.hit("storage.collect.before")
                    self._syscalls.unlink(name, parent)
                    failpoints.hit("storage.collect.after")
                self.taken.append(key)

    def count_loose(self) -> None:
        """Count the bytes of what had no name left but those that went; what is in the index is counted there."""
        self.bytes_freed += sum(size for inode, (names, size) in self._sizes.items() if names <= self._going[inode])

    def shards(self) -> list[str]:
        """Return the parts of the index."""
        with suppress(OSError), self._directories.open_directory([BLOBS]) as top:
            return sorted(os.listdir(top))
        return []

    def take_blobs(self, shard: str) -> None:
        """Take away what no stored file has, of one part of the index."""
        with suppress(OSError), self._directories.open_directory([BLOBS, shard]) as folder:
            for name in os.listdir(folder):
                with suppress(OSError):
                    self._take_blob(name, folder)

    def _take_blob(self, name: str, folder: int) -> None:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        going = self._going[_inode(found)] if self._is_planned else 0
        if found.st_nlink - going > 1:
            return
        if not self._is_planned:
            self._syscalls.unlink(name, folder)
        self.blobs += 1
        self.bytes_freed += found.st_size


def _inode(found: os.stat_result) -> Inode:
    return found.st_dev, found.st_ino
