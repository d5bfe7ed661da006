"""What is uploaded: bytes, a file by its path, or a file that somebody has open. Read in pieces, never as a whole.

Invariant: a body can be sent again from where it began, but for a stream that cannot seek; that one says so.
"""

from __future__ import annotations

import io
import mimetypes
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES: Final = 256 * 1024
UNKNOWN_TYPE: Final = "application/octet-stream"
UploadSource = bytes | str | os.PathLike[str] | BinaryIO


@dataclass(frozen=True, slots=True)
class Body:
    """What an upload sends. `start` is where an open file stood; None for one that cannot go back there."""

    source: Path | BinaryIO
    start: int | None = None

    @property
    def can_repeat(self) -> bool:
        """Whether it can be sent once more."""
        return isinstance(self.source, Path) or self.start is not None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Give the file at its beginning. Raises OSError. A file that was open stays so."""
        if isinstance(self.source, Path):
            with self.source.open("rb") as file:
                yield file
        else:
            if self.start is not None:
                self.source.seek(self.start)
            yield self.source


def as_body(source: UploadSource) -> bytes | Body:
    """Return what is to be sent. A text is a path."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return Body(Path(source))
    try:
        start = source.tell() if source.seekable() else None
    except (OSError, io.UnsupportedOperation):
        start = None
    return Body(source, start)


def name_of(source: UploadSource) -> str:
    """Return what it is called, as far as it tells."""
    named = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    return (Path(named).name if isinstance(named, str | os.PathLike) else "") or "file"


def type_of(name: str) -> str:
    """Return the media type that a name implies."""
    return mimetypes.guess_type(name)[0] or UNKNOWN_TYPE
