"""Programs as a user with no rights at all, also where the tests run as root in a folder that nobody else may enter.

Root gives up its uid, its groups and with them its capabilities. What such a user needs to read (the code, the virtual
environment, the interpreter) is mounted at its own place, in a mount namespace of the program's, where a closed folder is in
the way.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOBODY: Final = 65534
ROOT: Final = Path(__file__).parents[2]
STAGE: Final = "/mnt"


def as_stranger(argv: Sequence[str]) -> list[str]:
    """Return the command line that runs `argv` without rights; `argv` itself when the tests have none anyway."""
    if os.geteuid() != 0:
        return list(argv)
    steps = " && ".join(_mounts(sorted({str(ROOT), sys.prefix, sys.base_prefix})))
    drop = f"exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=-all -- " + '"$@"'
    return ["unshare", "--mount", "--propagation=private", "/bin/sh", "-euc", f"{steps} && {drop}", "stranger", *argv]


def give(home: Path) -> None:
    """Let the stranger own a folder and all in it."""
    if os.geteuid() == 0:
        for path in (home, *home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


def _mounts(needed: Sequence[str]) -> Iterator[str]:
    """Yield the commands that open the way to each of these folders, and to nothing else."""
    closed = {path: _closed_ancestor(path) for path in needed}
    yield f"mount -t tmpfs -o mode=755 none {STAGE}"
    for number, path in enumerate(needed):
        yield f"mkdir {STAGE}/{number} && mount --bind '{path}' {STAGE}/{number}"
    for folder in sorted({folder for folder in closed.values() if folder is not None}):
        yield f"mount -t tmpfs -o mode=755 none '{folder}'"
    for number, path in enumerate(needed):
        if closed[path] is not None:
            yield f"mkdir -p '{path}' && mount --bind {STAGE}/{number} '{path}'"


def _closed_ancestor(path: str) -> str | None:
    """Return the outermost folder on the way that strangers may not enter."""
    for folder in reversed(Path(path).parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return str(folder)
    return None
