"""Stored files on their way into a backup, or out of one: the same keys below another root.

Owns linking and copying, and the durability of what it makes; blocks. Leaves out which files, and whether their bytes are
right.

A hard link is as good as a copy here, since nobody writes to a stored file: it takes no room, and lives on when the stored name
is deleted. Where there can be none (another file system, as many names as that allows, a file that is not read-only and ours)
the bytes are copied; and of several files with the same bytes one after the other, once.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from nexusd.errors import NotFound, StorageUnavailable
from nexusd.storage.directories import DIRECTORY_FLAGS, open_below
from nexusd.storage.keys import split_key
from nexusd.storage.outgoing import open_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

STORED_MODE: Final = 0o400
_CANNOT_LINK: Final = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
_KNOWS_NO_FSYNC: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP})
_NOT_A_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class Taken(Enum):
    """What became of a file."""

    LINKED = auto()
    COPIED = auto()
    DAMAGED = auto()


class Export:
    """One run. `open_source` opens a folder of the source; `check_cancelled` is called now and then and may raise."""

    def __init__(
        self,
        open_source: Callable[[Sequence[str]], AbstractContextManager[int]],
        target: Path,
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> None:
        self._open_source = open_source
        self._target = target
        self._check_cancelled = check_cancelled
        self._folders: set[tuple[str, ...]] = {()}
        self._last: tuple[str, list[str]] = ("", [])

    def take(self, object_key: str, byte_size: int, sha256: str) -> Taken:
        """Put a stored file at its key below the target. DAMAGED: it is not there, or has another size; then nothing is put.

        Raises OSError when the target cannot be written, StorageUnavailable when the source cannot be read at all.
        """
        self._check_cancelled()
        try:
            segments = split_key(object_key)
            descriptor = self._open(segments)
        except NotFound:
            return Taken.DAMAGED
        with io.FileIO(descriptor) as source:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size != byte_size:
                return Taken.DAMAGED
            self._folders |= {tuple(segments[:depth]) for depth in range(1, len(segments))}
            is_stored = stat.S_IMODE(found.st_mode) == STORED_MODE and found.st_uid == os.geteuid()
            if is_stored and self._give_name(f"/proc/self/fd/{descriptor}", segments):
                return Taken.LINKED
            if self._last[0] != sha256 or not self._give_name(str(self._target.joinpath(*self._last[1])), segments):
                self._copy(source, segments)
        self._last = (sha256, segments)
        return Taken.COPIED

    def finish(self) -> None:
        """Make the names durable, deepest folders first."""
        for folder in sorted(self._folders, key=len, reverse=True):
            with open_below(self._target, folder) as descriptor:
                _fsync_names(descriptor)

    def _open(self, segments: list[str]) -> int:
        try:
            with self._open_source(segments[:-1]) as parent:
                return os.open(segments[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        except OSError as error:
            if error.errno in _NOT_A_FILE:
                raise NotFound("the stored file is missing") from error
            raise StorageUnavailable(f"the stored files cannot be read: {error.strerror}") from error

    def _give_name(self, source: str, segments: list[str]) -> bool:
        with open_below(self._target, segments[:-1], make=True) as parent:
            try:
                os.link(source, segments[-1], dst_dir_fd=parent, follow_symlinks=True)
            except OSError as error:
                if error.errno in _CANNOT_LINK:
                    return False
                raise
        return True

    def _copy(self, source: io.FileIO, segments: list[str]) -> None:
        copy = open_copy(source, self._target, segments)
        try:
            while copy.go_on():
                self._check_cancelled()
        finally:
            copy.close()
        path = self._target.joinpath(*segments)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable; where the file system knows no such thing, leave it at that."""
    descriptor = os.open(path, DIRECTORY_FLAGS)
    try:
        _fsync_names(descriptor)
    finally:
        os.close(descriptor)


def _fsync_names(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _KNOWS_NO_FSYNC:
            raise
