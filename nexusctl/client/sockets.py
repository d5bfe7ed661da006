"""The daemon's socket as a path: whether it may be trusted, and whether anybody answers on it.

Owns the checks that come before a byte is sent. A socket that another user could have put there is refused: who answers
on it would see, and could change, whatever we send (the idea is that of tailscale's safesocket).

Invariant: nothing here creates, changes or removes anything.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING, Final

from nexusctl.errors import Unreachable, UsageError

if TYPE_CHECKING:
    from pathlib import Path

SOCKET_PATH_MAX_BYTES: Final = 107
PROBE_SECONDS: Final = 5.0
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def check_path(path: Path) -> None:
    """Refuse a path that the kernel cannot use as a socket's. Raises UsageError."""
    if len(os.fsencode(path)) > SOCKET_PATH_MAX_BYTES:
        raise UsageError(
            f"the socket's path is longer than {SOCKET_PATH_MAX_BYTES} bytes: {path}", hint="choose a shorter one with --socket"
        )


def check_owner(path: Path) -> None:
    """Refuse a socket, or a directory around it, that is not ours alone to write. Raises Unreachable; absence is no fault."""
    for place, what in ((path.parent, "directory"), (path, "socket")):
        try:
            found = place.stat() if what == "directory" else place.lstat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unreachable(f"cannot look at the {what} {place}: {error.strerror}") from None
        if found.st_uid != os.geteuid():
            raise Unreachable(
                f"the {what} {place} belongs to another user (uid {found.st_uid})",
                hint="name a socket of your own with --socket",
            )
        if what == "directory" and found.st_mode & _OTHERS_MAY_WRITE:
            raise Unreachable(f"others may write to the directory {place}", hint=f"close it with: chmod 700 {place}")
        if what == "socket" and not stat.S_ISSOCK(found.st_mode):
            raise Unreachable(f"{place} is not a socket", hint="name the daemon's socket with --socket, or remove that file")


def is_answering(path: Path) -> bool:
    """Tell whether somebody accepts connections at `path`. Raises Unreachable when it cannot be told.

    A socket whose queue of connections is full counts as answering: somebody holds it, though they may be slow.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except TimeoutError:
            return True
        except OSError as error:
            raise Unreachable(f"cannot connect to {path}: {error.strerror or error}") from None
    return True
