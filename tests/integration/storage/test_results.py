"""Results of children: moved when they are safe to move, copied when not, refused when they are not plainly the child's own."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
from typing import TYPE_CHECKING

import pytest

from nexusd.domain.states import ErrorCode
from nexusd.errors import OutputRefused, StorageUnavailable
from nexusd.storage import LocalDisk, WorkFile
from nexusd.storage.incoming import open_result
from nexusd.storage.syscalls import Syscalls
from tests.integration.storage.files import INDEX_CALLS, MEBIBYTE, Recorder, files_below, put

if TYPE_CHECKING:
    from pathlib import Path

BYTES = b"<svg/>" * 1000


def result(work: Path, content: bytes = BYTES) -> WorkFile:
    (work / "out" / "a.svg").write_bytes(content)
    return WorkFile(work, "out/a.svg")


async def test_a_result_is_moved_not_copied(work: Path, root: Path) -> None:
    calls = Recorder(root)
    disk = LocalDisk(root, syscalls=calls)
    source = result(work)
    inode = (work / "out/a.svg").stat().st_ino
    calls.calls.clear()
    stored = await put(disk, source, max_bytes=len(BYTES))
    found = (root / stored.object_key).stat()
    assert (found.st_ino, found.st_nlink, found.st_mode & 0o777) == (inode, 2, 0o400)
    assert (stored.sha256, stored.byte_size) == (hashlib.sha256(BYTES).hexdigest(), len(BYTES))
    assert files_below(work) == []
    own = work / "out/a.svg"
    assert calls.calls[0] == f"fsync {own}"
    published = [f"link {own} -> {stored.object_key}", f"unlink {own}", "fsync default/generated/chart/2026/01/02"]
    assert calls.calls[-3 - INDEX_CALLS : -INDEX_CALLS] == published


async def test_a_file_of_somebody_else_is_refused(disk: LocalDisk, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = result(work)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(OutputRefused, match="belongs to uid"):
        await put(disk, source)


async def test_too_large_a_result_is_refused_before_a_byte_is_copied(work: Path, root: Path) -> None:
    calls = Recorder(root)
    disk = LocalDisk(root, syscalls=calls)
    calls.calls.clear()
    with pytest.raises(OutputRefused, match="6000 bytes, more than the limit of 5999") as caught:
        await put(disk, result(work), max_bytes=len(BYTES) - 1)
    assert caught.value.code == ErrorCode.OUTPUT_TOO_LARGE
    assert calls.calls == []


async def test_a_result_that_somebody_still_writes_to_is_copied(disk: LocalDisk, work: Path, root: Path) -> None:
    source = result(work)
    with (work / "out/a.svg").open("r+b") as writer:
        stored = await put(disk, source, max_bytes=len(BYTES))
        writer.write(b"too late")
    assert (root / stored.object_key).read_bytes() == BYTES
    assert stored.sha256 == hashlib.sha256(BYTES).hexdigest()
    assert files_below(work) == []


async def test_a_mapping_is_a_writer_too(disk: LocalDisk, work: Path, root: Path) -> None:
    source = result(work)
    with (work / "out/a.svg").open("r+b") as file:
        mapping = mmap.mmap(file.fileno(), 0)
    with mapping:
        stored = await put(disk, source)
        mapping[:8] = b"too late"
    assert (root / stored.object_key).read_bytes() == BYTES


class _Growing(Recorder):
    """A child that goes on appending while its result is copied."""

    def __init__(self, root: Path, path: Path) -> None:
        super().__init__(root)
        self._file = path.open("ab", buffering=0)

    def write(self, descriptor: int, data: bytes | bytearray | memoryview) -> None:
        self._file.write(b"more")
        super().write(descriptor, data)

    def close(self) -> None:
        self._file.close()


async def test_a_result_that_grows_meanwhile_does_not_pass_its_limit(work: Path, root: Path) -> None:
    source = result(work, bytes(3 * MEBIBYTE))
    calls = _Growing(root, work / "out/a.svg")
    stored = await put(LocalDisk(root, syscalls=calls), source, max_bytes=3 * MEBIBYTE)
    calls.close()
    assert stored.byte_size == (root / stored.object_key).stat().st_size == 3 * MEBIBYTE


def test_a_result_that_grew_since_its_size_was_checked_is_not_taken_as_it_is(work: Path) -> None:
    opened = open_result(result(work), None, Syscalls())
    assert opened.is_sealed()
    (work / "out/a.svg").chmod(0o600)
    with (work / "out/a.svg").open("ab") as writer:
        writer.write(b"more")
    assert not opened.is_sealed()
    assert opened.read(0) == BYTES
    opened.close()


class _OtherFilesystem(Recorder):
    """A work directory on another filesystem than the store."""

    def link(self, descriptor: int, directory: int, name: str) -> None:
        if "/out/" in self._path(descriptor):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        super().link(descriptor, directory, name)


async def test_a_result_on_another_filesystem_is_copied(work: Path, root: Path) -> None:
    disk = LocalDisk(root, syscalls=_OtherFilesystem(root))
    content = os.urandom(2 * MEBIBYTE + 1)
    stored = await put(disk, result(work, content))
    assert (root / stored.object_key).read_bytes() == content
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert files_below(root) == [stored.object_key]
    assert files_below(work) == []


@pytest.mark.slow
async def test_a_failure_of_any_system_call_stores_nothing(tmp_path: Path, work: Path) -> None:
    counted = Recorder(tmp_path / "counted")
    disk = LocalDisk(counted.root, syscalls=counted)
    counted.calls.clear()
    await put(disk, result(work))
    for number in range(1, len(counted.calls) + 1 - INDEX_CALLS):
        calls = Recorder(tmp_path / f"store{number}")
        disk = LocalDisk(calls.root, syscalls=calls)
        calls.fail_at = len(calls.calls) + number
        source = result(work)
        with pytest.raises(StorageUnavailable, match="Input/output error"):
            await put(disk, source)
        assert len(calls.calls) >= calls.fail_at
        assert files_below(calls.root) == []
        (work / "out/a.svg").unlink(missing_ok=True)
