"""How many connections this process has to a daemon, as the kernel tells it."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def connections_to(path: Path) -> int:
    """Count our sockets whose other end is bound to `path`."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if not entry.readlink().name.startswith("socket:"):
                continue
            copy = os.dup(int(entry.name))
        except OSError:  # closed meanwhile: the descriptor of the folder itself
            continue
        with socket.socket(fileno=copy) as ours:
            try:
                count += ours.family == socket.AF_UNIX and ours.getpeername() == str(path)
            except OSError:  # it listens, or is not connected
                continue
    return count
