"""The walk below a root: one directory at a time, by descriptor, through no symlink.

Owns confinement, and the durability of directories. Leaves out files.

Invariants:
1. What is opened lies below the root: each segment is opened relative to its parent's descriptor with O_NOFOLLOW, and is a real
   directory. Renaming parents meanwhile does not change that.
2. When `open_directory(…, create=True)` returns, every name on the way has been fsynced into its parent *in this life*, whoever
   made it: another thread, or an earlier life that died between mkdir and fsync.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from nexusd import failpoints
from nexusd.errors import UnsafePath

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nexusd.storage.syscalls import Syscalls

DIRECTORY_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEMBERED_MAX: Final = 4096


def make_private_root(path: Path, syscalls: Syscalls) -> os.stat_result:
    """Make `path` a directory of ours that is closed to everybody else, durably; return what it is.

    Raises UnsafePath when it is something else, or somebody else's.
    """
    for directory in [path, *path.parents][::-1]:
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            _fsync_path(directory.parent, syscalls)
    try:
        descriptor = os.open(path, DIRECTORY_FLAGS)
    except OSError as error:
        raise UnsafePath(f"{path} must be a directory, and no link to one: {error.strerror}") from error
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise UnsafePath(f"{path} belongs to uid {found.st_uid}; the daemon runs as {os.geteuid()}")
        os.fchmod(descriptor, 0o700)
        return found
    finally:
        os.close(descriptor)


@contextmanager
def open_below(directory: Path, segments: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Open the directory at `segments` below a trusted `directory` for the length of the block; `make` the missing ones.

    Nothing here is durable: it is for work directories, which end with their attempt.

    Raises OSError: ENOENT when it is not there, ENOTDIR or ELOOP when something else is in the way.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for segment in segments:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(segment, 0o700, dir_fd=descriptor)
            child = os.open(segment, DIRECTORY_FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = child
        yield descriptor
    finally:
        os.close(descriptor)


def split_relative(name: str) -> list[str]:
    """Return the segments of a relative path that stays below where it starts; else raise ValueError."""
    segments = name.split("/")
    if "\0" in name or any(segment in ("", ".", "..") for segment in segments):
        raise ValueError(f"{name!r} is not a path below the work directory")
    return segments


class Directories:
    """The directories below one root."""

    def __init__(self, root: Path, syscalls: Syscalls) -> None:
        self._root = root
        self._syscalls = syscalls
        self._identity = _identity(make_private_root(root, syscalls))
        self._durable: set[tuple[str, ...]] = set()

    @contextmanager
    def open_directory(self, segments: Sequence[str], *, create: bool = False) -> Iterator[int]:
        """Open the directory at `segments` below the root for the length of the block.

        Raises OSError: ENOENT when it is not there, ENOTDIR or ELOOP when something else is in the way.
        """
        descriptor = self._open_root()
        try:
            for depth in range(1, len(segments) + 1):
                child = self._open_child(descriptor, tuple(segments[:depth]), create)
                os.close(descriptor)
                descriptor = child
            yield descriptor
        finally:
            os.close(descriptor)

    def _open_root(self) -> int:
        descriptor = os.open(self._root, DIRECTORY_FLAGS)
        if _identity(os.fstat(descriptor)) != self._identity:
            os.close(descriptor)
            # an unmounted disk leaves an empty directory behind: what is written there is lost when it comes back
            raise OSError(errno.ESTALE, "the storage directory was moved or unmounted", str(self._root))
        return descriptor

    def _open_child(self, parent: int, path: tuple[str, ...], create: bool) -> int:
        if not create:
            return os.open(path[-1], DIRECTORY_FLAGS, dir_fd=parent)
        try:
            child = os.open(path[-1], DIRECTORY_FLAGS, dir_fd=parent)
        except FileNotFoundError:
            self._durable.discard(path)
            with suppress(FileExistsError):
                self._syscalls.mkdir(path[-1], parent)
            child = os.open(path[-1], DIRECTORY_FLAGS, dir_fd=parent)
        try:
            self._make_durable(parent, path)
        except BaseException:
            os.close(child)
            raise
        return child

    def _make_durable(self, parent: int, path: tuple[str, ...]) -> None:
        if path in self._durable:
            return
        failpoints.hit("storage.folder-fsync.before")
        self._syscalls.fsync(parent)
        failpoints.hit("storage.folder-fsync.after")
        if len(self._durable) >= _REMEMBERED_MAX:
            self._durable.clear()
        self._durable.add(path)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _fsync_path(path: Path, syscalls: Syscalls) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscalls.fsync(descriptor)
    finally:
        os.close(descriptor)
