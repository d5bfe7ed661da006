"""Private directories, and the lock files that make a daemon the only one in its place.

A lock is a flock on a file of ours: the kernel lets it go when the holder dies, whatever kills it. The file itself stays, since
removing it would let two daemons hold two locks of one name.

Source: flock(2).
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from nexusd.errors import AlreadyRunning, UnsafePath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def make_private_directory(directory: Path) -> None:
    """Make `directory` with mode 0700, or check that it is ours alone.

    Raises UnsafePath when it cannot be made, is no directory, or is somebody else's or open to others.
    """
    try:
        if not os.path.lexists(directory):
            directory.parent.mkdir(parents=True, exist_ok=True)
            directory.mkdir(mode=0o700, exist_ok=True)
        found = os.lstat(directory)
    except OSError as error:
        raise UnsafePath(f"The directory {directory} cannot be made ({error.strerror}): choose another path.") from error
    if stat.S_ISLNK(found.st_mode):
        raise UnsafePath(f"The directory {directory} is a symbolic link: name the directory itself.")
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafePath(f"{directory} is not a directory: choose another path.")
    if found.st_uid != os.geteuid():
        raise UnsafePath(f"The directory {directory} belongs to uid {found.st_uid}: choose one of your own.")
    if found.st_mode & OTHERS:
        raise UnsafePath(f"The directory {directory} is open to others: run `chmod 700 {directory}`.")


def take_lock(path: Path) -> int:
    """Lock the file `path`, made if need be, and return its descriptor; closing that lets the lock go.

    Raises AlreadyRunning when somebody holds it, UnsafePath when something else is in its place.
    """
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnsafePath(f"The lock file {path} cannot be opened ({error.strerror}): move it away.") from error
    try:
        found = os.fstat(lock)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise UnsafePath(f"The lock file {path} is not a plain file of ours: remove what is in its place.")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise AlreadyRunning(f"Another daemon holds {path}: use that one, or stop it first.") from error
    except BaseException:
        os.close(lock)
        raise
    return lock


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock `path` for the length of the block; raises as `take_lock` does."""
    lock = take_lock(path)
    try:
        yield
    finally:
        os.close(lock)
