"""The files of logs, as the runner writes them: `{log directory}/{job id}/{attempt}.log`; read in parts. It all blocks."""

from __future__ import annotations

import codecs
import os
import stat
from typing import TYPE_CHECKING

from nexusd.storage.directories import open_below

if TYPE_CHECKING:
    from pathlib import Path


def read_part(directory: Path, job_id: str, attempt: int, offset: int, limit: int) -> tuple[bytes, int]:
    """Return up to `limit` bytes of the log of an attempt, and its size; nothing when there is no such file.

    Only plain files are read, and links are not followed: neither the file may be one nor its folder.
    """
    try:
        with open_below(directory, [job_id]) as folder:
            file = os.open(f"{attempt}.log", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:  # it was never written, or is gone; a link is none of ours
        return b"", 0
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or offset >= found.st_size:
            return b"", 0
        return os.pread(file, min(limit, found.st_size - offset), offset), found.st_size
    finally:
        os.close(file)


def decode_part(body: bytes, is_end: bool) -> tuple[str, int]:
    """Return bytes as text, what is no UTF-8 as U+FFFD, and how many were used: all but a character that is still to come."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(body, final=is_end)
    return text, len(body) - len(decoder.getstate()[0])
