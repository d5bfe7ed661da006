"""Files that are replaced whole, or stay as they were.

Owns one way to write: into a temporary file beside, flushed to disk, renamed over. What is written, and whether a device or a
pipe is written to instead, is the caller's business.

Invariant: a failure, Ctrl-C and a cancellation included, leaves the file as it was and no temporary one.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def open_replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which becomes `path` at the end of the block. Raises OSError."""
    final = path.resolve()  # a link stays a link: what it points to is replaced
    descriptor, temporary = create_beside(final)
    try:
        with open(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(descriptor, stat.S_IMODE(final.stat().st_mode))
            yield file
            flush_to_disk(file)
        temporary.replace(final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def flush_to_disk(file: BinaryIO) -> None:
    """Return when what was written is on disk."""
    file.flush()
    os.fsync(file.fileno())


def create_beside(path: Path) -> tuple[int, Path]:
    """Create an empty file in the folder of `path`, with the mode that a new file gets here."""
    temporary = path.resolve().parent / f".nexusctl-{secrets.token_hex(8)}.part"
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), temporary
