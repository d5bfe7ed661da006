"""A file on its way in: an upload's temporary file, or a child's result in its work directory.

Owns the hashing and the order of publishing. Leaves out keys, limits of uploads, and threads: everything here blocks.

Publishing, in this order: chmod 0400 → fsync(file) → open the target directory, fsyncing each new name on the way into its
parent → link under the key, which fails if the key is taken → unlink the old name → fsync(directory). Where the same bytes are
stored already, that file gets one more name, and the one that came is thrown away.

Invariants:
1. What is linked under the key is the very inode that was hashed, or one that was when it was stored: it is linked by
   descriptor, not by name.
2. A result that anybody may still write to is never published itself; a copy of what it held is (`is_sealed`).
3. A child's result is a plain file of our uid with one name only: a second name might be any file of the user's.

Limits: children run under the daemon's uid, so below a sandbox one that is still alive could chmod a stored file and write to
it. What holds here is that the process tree of an attempt has ended before its results are collected.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from nexusd import failpoints
from nexusd.domain.ids import new_id
from nexusd.domain.states import ErrorCode
from nexusd.errors import OutputRefused
from nexusd.storage.directories import open_below, split_relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nexusd.storage.blobs import Blobs
    from nexusd.storage.directories import Directories
    from nexusd.storage.provider import WorkFile
    from nexusd.storage.syscalls import Syscalls

INCOMING: Final = ".incoming"
CHUNK_BYTES: Final = 1024 * 1024
_CANNOT_LINK: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOENT, errno.EOPNOTSUPP, errno.ENOSYS})


class CannotLink(OSError):
    """The file cannot be given a name in the store (another filesystem, say); a copy of it can."""


class Incoming:
    """An open file, and the name it has for now in the directory that is open as `parent`. Owns both descriptors.

    `checked_size` is what a result's limits were checked against, `byte_size` what went through the hash so far.
    """

    def __init__(self, descriptor: int, parent: int, name: str, syscalls: Syscalls, checked_size: int = 0) -> None:
        self.byte_size = 0
        self.checked_size = checked_size
        self._descriptor = descriptor
        self._parent = parent
        self._name = name
        self._syscalls = syscalls
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The hash of what was written or read so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes | bytearray) -> None:
        """Append to an upload."""
        self._hash.update(data)
        self._syscalls.write(self._descriptor, data)
        self.byte_size += len(data)

    def read(self, offset: int) -> bytes:
        """Return a chunk of a result, without hashing it; b"" at or past its end. Nothing past `checked_size` is read."""
        return os.pread(self._descriptor, min(CHUNK_BYTES, self.checked_size - offset), offset)

    def hash_on(self, chunks: int) -> bool:
        """Hash up to so many further chunks of a result; tell whether there may be more."""
        buffer = bytearray(min(CHUNK_BYTES, self.checked_size - self.byte_size + 1))
        for _ in range(chunks):
            count = os.readv(self._descriptor, [buffer])
            self._hash.update(memoryview(buffer)[:count])
            self.byte_size += count
            if count == 0:
                return False
        return True

    def is_sealed(self) -> bool:
        """Make a result read-only and tell whether it will stay as it is: nobody has it open for writing.

        The proof is the kernel's: a read lease is granted only while there is no writer, neither by descriptor nor by a
        mapping. Where it cannot be had (another filesystem, another system) the answer is no, and the file is copied.

        Source: fcntl(2), F_SETLEASE.
        """
        try:
            os.fchmod(self._descriptor, stat.S_IRUSR)
            # the signal to a lease's holder is fatal by default; ours is held for an instant, but SIGURG is ignored for sure
            fcntl.fcntl(self._descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(self._descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:
            return False
        return os.fstat(self._descriptor).st_size == self.checked_size

    def publish(self, directories: Directories, segments: Sequence[str], blobs: Blobs) -> None:
        """Store the file under its key, durably; see the module for the order.

        Raises CannotLink when it is on another filesystem. After any error there is nothing under the key.
        """
        with blobs.open_same(self.sha256, self.byte_size) as same:
            if same is not None:
                with suppress(CannotLink):  # it is gone by now, or has too many names: this one is stored then
                    self._publish(directories, segments, same)
                    return
        self._seal()
        self._publish(directories, segments, self._descriptor)
        blobs.add(self.sha256, self._descriptor)

    def _seal(self) -> None:
        os.fchmod(self._descriptor, stat.S_IRUSR)
        failpoints.hit("storage.fsync.before")
        self._syscalls.fsync(self._descriptor)
        failpoints.hit("storage.fsync.after")

    def _publish(self, directories: Directories, segments: Sequence[str], descriptor: int) -> None:
        with directories.open_directory(segments[:-1], create=True) as target:
            failpoints.hit("storage.link.before")
            self._link(descriptor, target, segments[-1])
            try:
                failpoints.hit("storage.link.after")
                self.remove_name()
                failpoints.hit("storage.directory-fsync.before")
                self._syscalls.fsync(target)
                failpoints.hit("storage.directory-fsync.after")
            except BaseException:
                with suppress(OSError):
                    self._syscalls.unlink(segments[-1], target)
                raise

    def remove_name(self) -> None:
        """Take away the name that the file came with."""
        with suppress(FileNotFoundError):
            self._syscalls.unlink(self._name, self._parent)

    def close(self) -> None:
        """Let go of the descriptors. The file stays."""
        os.close(self._descriptor)
        os.close(self._parent)

    def discard(self) -> None:
        """Take away the name and let go: nothing is left, unless it was published."""
        try:
            self.remove_name()
        finally:
            self.close()

    def _link(self, descriptor: int, target: int, name: str) -> None:
        try:
            self._syscalls.link(descriptor, target, name)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno in _CANNOT_LINK:
                raise CannotLink(error.errno, error.strerror) from error
            raise


def open_upload(directories: Directories, syscalls: Syscalls) -> Incoming:
    """Make an empty temporary file in the store."""
    name = new_id()
    with directories.open_directory([INCOMING], create=True) as parent:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=parent)
        return Incoming(descriptor, os.dup(parent), name, syscalls)


def open_result(work: WorkFile, max_bytes: int | None, syscalls: Syscalls) -> Incoming:
    """Open a child's result.

    Raises OutputRefused: `no_output` when it is not a plain file of the child's own, `output_too_large`.
    """
    with _refusing(work.name):
        *folders, name = split_relative(work.name)
        with open_below(work.directory, folders) as parent:
            # looked at before it is opened: opening a device or a FIFO can have effects of its own
            _check(os.stat(name, dir_fd=parent, follow_symlinks=False), work.name, max_bytes)
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(name, flags, dir_fd=parent)
            try:
                size = _check(os.fstat(descriptor), work.name, max_bytes)
                return Incoming(descriptor, os.dup(parent), name, syscalls, size)
            except BaseException:
                os.close(descriptor)
                raise


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputRefused(f"cannot take the output {name!r}: {reason}", ErrorCode.NO_OUTPUT) from error


def _check(found: os.stat_result, name: str, max_bytes: int | None) -> int:
    reason = None
    if not stat.S_ISREG(found.st_mode):
        reason = "it is not a plain file"
    elif found.st_nlink != 1:
        reason = f"it has {found.st_nlink} names; a file that is linked elsewhere is not the renderer's own"
    elif found.st_uid != os.geteuid():
        reason = f"it belongs to uid {found.st_uid}"
    if reason:
        raise OutputRefused(f"cannot take the output {name!r}: {reason}", ErrorCode.NO_OUTPUT)
    if max_bytes is not None and found.st_size > max_bytes:
        raise OutputRefused(
            f"the output {name!r} has {found.st_size} bytes, more than the limit of {max_bytes}", ErrorCode.OUTPUT_TOO_LARGE
        )
    return found.st_size
