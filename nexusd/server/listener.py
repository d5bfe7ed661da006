"""Listening sockets that only their owner can reach, and who is at the other end.

Owns binding, adoption from a supervisor, and the peer's credentials. Leaves out accepting, and what a private directory and a
lock are (`privacy`).

Invariants
- The socket is 0600 in a directory that is 0700 and ours, from the moment it exists: bound under a umask, never chmod'ed.
- Whoever holds the lock beside the socket owns its path. Nothing is removed without it, and then only a socket on which
  nobody answers.
- At the end the socket is removed only if it is still the one that was bound here.

The umask belongs to the process: bind before any thread starts.

Source: unix(7), socket(7), sd_listen_fds(3).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusd.errors import AlreadyRunning, UnsafePath
from nexusd.privacy import OTHERS, make_private_directory, take_lock

if TYPE_CHECKING:
    from types import TracebackType

_PATH_MAX_BYTES: Final = 107
_BACKLOG: Final = 1024
_CREDENTIALS: Final = struct.Struct("iII")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that connected, as the kernel knew it at that moment."""

    pid: int
    uid: int
    gid: int


def read_peer(connected: socket.socket) -> Peer:
    """Return who is at the other end of a connected Unix socket."""
    return Peer(*_CREDENTIALS.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)))


class BoundListener:
    """A listening socket, and the lock on its path unless it was adopted. Clients that connect early wait in the backlog."""

    def __init__(self, listening: socket.socket, path: Path, lock: int | None) -> None:
        listening.setblocking(False)
        self.socket = listening
        self.path = path
        self._lock = lock
        self._identity = _identity(path)

    def __enter__(self) -> BoundListener:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close_socket(self) -> None:
        """Refuse new connections from now on, and keep the path. May be called again."""
        self.socket.close()

    def close(self) -> None:
        """Close the socket, remove it if it is still ours, then release the lock. May be called again.

        Ordering: on return another daemon can bind the path.
        """
        self.close_socket()
        if self._lock is None:
            return
        with contextlib.suppress(FileNotFoundError):
            if _identity(self.path) == self._identity:
                self.path.unlink()
        os.close(self._lock)
        self._lock = None


def bind_unix(path: Path) -> BoundListener:
    """Bind and listen on `path`, and make sure that nobody else serves it or can reach it.

    Raises UnsafePath when the path or its directory cannot be trusted, AlreadyRunning when another daemon has it.
    """
    path = path.absolute()
    length = len(os.fsencode(path))
    if length > _PATH_MAX_BYTES:
        raise UnsafePath(f"The socket path {path} is {length} bytes long, more than {_PATH_MAX_BYTES}: use a shorter one.")
    make_private_directory(path.parent)
    lock = take_lock(path.with_name(path.name + ".lock"))
    try:
        _remove_stale(path)
        return BoundListener(_bind_private(path), path, lock)
    except BaseException:
        os.close(lock)
        raise


def adopt_listener(descriptor: int) -> BoundListener:
    """Take over a listening socket that a supervisor bound. Raises UnsafePath, and then the descriptor stays the caller's."""
    try:
        is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError as error:
        raise UnsafePath(f"Descriptor {descriptor} is not open: check the supervisor's socket unit.") from error
    if not is_socket:
        raise UnsafePath(f"Descriptor {descriptor} is not a socket: check the supervisor's socket unit.")
    adopted = socket.socket(fileno=descriptor)
    try:
        path = _adopted_path(adopted)
        adopted.set_inheritable(False)
        return BoundListener(adopted, path, None)
    except BaseException:
        adopted.detach()
        raise


def _adopted_path(adopted: socket.socket) -> Path:
    descriptor = adopted.fileno()
    if adopted.family != socket.AF_UNIX or adopted.type != socket.SOCK_STREAM:
        raise UnsafePath(f"Descriptor {descriptor} is not a Unix stream socket: use ListenStream= with a path.")
    if not adopted.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise UnsafePath(f"Descriptor {descriptor} does not listen: use ListenStream= and Accept=no.")
    name = adopted.getsockname()
    if not isinstance(name, str) or not name.startswith("/"):
        raise UnsafePath(f"Descriptor {descriptor} has no place in the file system, so anybody can reach it: use a path.")
    try:
        found = os.lstat(name)
    except OSError as error:
        raise UnsafePath(f"The adopted socket {name} is gone: restart its socket unit.") from error
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & OTHERS:
        raise UnsafePath(f"The adopted socket {name} must be ours with mode 0600: set SocketMode=0600 in its unit.")
    return Path(name)


def _identity(path: Path) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _remove_stale(path: Path) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise UnsafePath(f"{path} is there and is not a socket: move it away, or choose another path.")
    if _is_answered(path):
        raise AlreadyRunning(f"Something answers on {path}: use that daemon, or stop it first.")
    path.unlink()


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        # Only a refused connection proves that nobody listens: a full backlog says EAGAIN, a datagram socket EPROTOTYPE.
        return probe.connect_ex(os.fspath(path)) not in (errno.ECONNREFUSED, errno.ENOENT)


def _bind_private(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        umask = os.umask(0o177)
        try:
            listening.bind(os.fspath(path))
        finally:
            os.umask(umask)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening
