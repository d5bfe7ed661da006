"""Where the socket is, when nobody says otherwise."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def default_socket_path() -> Path:
    """Return `$XDG_RUNTIME_DIR/nexusd/nexusd.sock`.

    Where the variable is unset: `/run/user/UID` when that exists, else a directory of this user's in the temporary folder.
    Whoever binds or connects must check that the directory is this user's own and closed to others.
    """
    base = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    if os.path.isdir(base):
        return Path(base, "nexusd", "nexusd.sock")
    return Path(tempfile.gettempdir(), f"nexusd-{os.getuid()}", "nexusd.sock")
