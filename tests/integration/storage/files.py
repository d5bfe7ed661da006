"""What the storage tests share: sources of bytes, a put with everything filled in, a look at what lies on the disk, and the
system calls recorded or failed.
"""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from nexusd.storage.blobs import BLOBS
from nexusd.storage.syscalls import Syscalls

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from nexusd.storage import Provider, StoredFile, WorkFile

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MEBIBYTE = 1024 * 1024
INDEX_CALLS = 3
"""How many calls the first file of a store costs after it is stored: two folders and a name in the index."""


class Upload:
    """A source of these chunks; unlike a generator it needs no closing when it is left halfway."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> Upload:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration


def upload(*chunks: bytes) -> Upload:
    return Upload(chunks)


async def put(
    provider: Provider, source: WorkFile | Path | AsyncIterable[bytes], max_bytes: int | None = None, filename: str = "a.bin"
) -> StoredFile:
    return await provider.put_file(
        company="default",
        namespace="generated/chart",
        filename=filename,
        content_type="application/octet-stream",
        source=source,
        max_bytes=max_bytes,
        now=NOON,
    )


def files_below(root: Path) -> list[str]:
    """Return every name below `root` that is not a directory, temporary files included, but not what is in the index."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(str(path) for path in found if BLOBS not in path.parts)


def blobs_below(root: Path) -> dict[str, int]:
    """Return the hashes in the index, each with how many names its file has besides."""
    return {"".join(path.parts[-2:]): path.stat().st_nlink - 1 for path in (root / BLOBS).rglob("*/*")}


class Recorder(Syscalls):
    """Notes each call with the paths it is about, relative to `root`; fails the call number `fail_at` (from 1) with `error`.

    A failing write fails after half of its bytes, as a full disk does.
    """

    def __init__(self, root: Path, fail_at: int = 0, error: int = errno.EIO) -> None:
        self.root = root
        self.fail_at = fail_at
        self.error = error
        self.calls: list[str] = []

    def write(self, descriptor: int, data: bytes | bytearray | memoryview) -> None:
        if self._note("write", self._path(descriptor)):
            super().write(descriptor, memoryview(data)[: len(data) // 2])
            self._fail()
        super().write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        if self._note("fsync", self._path(descriptor)):
            self._fail()
        super().fsync(descriptor)

    def link(self, descriptor: int, directory: int, name: str) -> None:
        if self._note("link", f"{self._path(descriptor)} -> {self._path(directory, name)}"):
            self._fail()
        super().link(descriptor, directory, name)

    def unlink(self, name: str, directory: int) -> None:
        if self._note("unlink", self._path(directory, name)):
            self._fail()
        super().unlink(name, directory)

    def mkdir(self, name: str, directory: int) -> None:
        if self._note("mkdir", self._path(directory, name)):
            self._fail()
        super().mkdir(name, directory)

    def _note(self, call: str, what: str) -> bool:
        self.calls.append(f"{call} {what}")
        return len(self.calls) == self.fail_at

    def _fail(self) -> None:
        raise OSError(self.error, os.strerror(self.error))

    def _path(self, descriptor: int, name: str = "") -> str:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"), name)
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
