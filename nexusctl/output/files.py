"""Result files: written whole, or not at all.

Owns the choice of how to write (beside and rename, straight into a device or pipe, standard output) and the check that it
can be done, which is made before anything is submitted.

Invariants:
1. A regular file is either as it was or complete: the bytes go to a temporary file in the same folder, are flushed to
   disk, checked, and renamed over it. A failure, Ctrl-C included, removes the temporary file.
2. A device, a pipe or a socket is written to, never replaced: `-o /dev/null` must not cost the machine its /dev/null.
3. What is written has the length and sha256 that were promised, or BadAnswer is raised.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from nexusctl.errors import BadAnswer, JobLost, UsageError
from nexusctl.replacing import create_beside, open_replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDOUT: Final = "-"


class Target:
    """Where a result goes: a path, or None for standard output. `folder` is where several go, if that was asked for."""

    def __init__(self, path: Path | None, *, folder: Path | None = None) -> None:
        self.path = path
        self.folder = folder

    def check(self) -> None:
        """Refuse a target that cannot be written. Raises UsageError; leaves nothing behind."""
        if self.path is None:
            if sys.stdout.isatty():
                raise UsageError("will not write a file to the terminal", hint="name a file with -o FILE, or pipe the output")
            return
        if self.folder is not None and not self.folder.exists():
            self._check_new_folder(self.folder)
            return
        if not _is_replaceable(self.path):
            return
        try:
            descriptor, temporary = create_beside(self.path)
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}", hint="name another file with -o FILE") from None
        os.close(descriptor)
        temporary.unlink()

    def beside(self, name: str) -> Target:
        """Return the target of another file of the same folder."""
        return Target((self.folder or Path()) / name, folder=self.folder)

    def _check_new_folder(self, folder: Path) -> None:
        if not os.access(folder.absolute().parent, os.W_OK | os.X_OK):
            raise UsageError(f"cannot make the folder {folder}", hint="name another with -o FOLDER/")

    def save(self, chunks: Iterable[bytes], *, sha256: str, byte_size: int) -> None:
        """Write the chunks. Raises JobLost when the system refuses, BadAnswer when they are not what was promised."""
        try:
            if self.folder is not None:
                self.folder.mkdir(exist_ok=True)
            with self._open() as file:
                _copy_checked(chunks, file, sha256=sha256, byte_size=byte_size)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise JobLost(f"cannot write {self.path or 'standard output'}: {error.strerror}") from None

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        if self.path is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif not _is_replaceable(self.path):
            with self.path.open("wb") as file:
                yield file
        else:
            with open_replacing(self.path) as file:
                yield file


def _copy_checked(chunks: Iterable[bytes], file: BinaryIO, *, sha256: str, byte_size: int) -> None:
    digest = hashlib.sha256()
    written = 0
    for chunk in chunks:
        digest.update(chunk)
        written += len(chunk)
        file.write(chunk)
    if (digest.hexdigest(), written) != (sha256, byte_size):
        raise BadAnswer(
            f"the asset came damaged: {written} of {byte_size} bytes, or other content than its row says",
            hint="do not use what was written; try `nexusctl asset get` again",
        )


def _is_replaceable(path: Path) -> bool:
    """Whether `path` is a regular file, or nothing yet. Raises UsageError for a directory."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return True  # nothing there, or nothing that can be seen: creating will tell
    if stat.S_ISDIR(mode):
        raise UsageError(f"{path} is a directory", hint="name a file with -o FILE")
    return stat.S_ISREG(mode)
