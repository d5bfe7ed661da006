"""Same bytes once: a second copy is a second name, and no deletion harms the other."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from nexusd.storage import LocalDisk, WorkFile
from nexusd.storage.blobs import BLOBS
from tests.integration.storage.files import Recorder, blobs_below, files_below, put, upload

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.storage import StoredFile


def inode(root: Path, stored: StoredFile) -> int:
    return (root / stored.object_key).stat().st_ino


async def test_the_same_bytes_are_stored_once(disk: LocalDisk, root: Path, work: Path) -> None:
    first = await put(disk, upload(b"same"))
    (work / "out/a.bin").write_bytes(b"same")
    second = await put(disk, WorkFile(work, "out/a.bin"))
    other = await put(disk, upload(b"others"))
    assert inode(root, first) == inode(root, second) != inode(root, other)
    assert files_below(root) == sorted(file.object_key for file in (first, second, other))
    assert blobs_below(root) == {first.sha256: 2, other.sha256: 1}
    assert not (work / "out/a.bin").exists()


async def test_deleting_one_never_harms_the_other(disk: LocalDisk, root: Path) -> None:
    first, second = await put(disk, upload(b"same")), await put(disk, upload(b"same"))
    assert await disk.delete_file(first.object_key, first.sha256)
    assert (root / second.object_key).read_bytes() == b"same"
    assert blobs_below(root) == {second.sha256: 1}
    assert await disk.delete_file(second.object_key, second.sha256)
    assert blobs_below(root) == {}


async def test_the_second_copy_is_not_written_out(root: Path) -> None:
    calls = Recorder(root)
    disk = LocalDisk(root, syscalls=calls)
    await put(disk, upload(b"same"))
    calls.calls.clear()
    await put(disk, upload(b"same"))
    assert [call.split()[0] for call in calls.calls] == ["write", "link", "unlink", "fsync"]


async def test_a_file_with_as_many_names_as_it_can_have_begins_anew(root: Path) -> None:
    class Crowded(Recorder):
        """A file system on which a stored file takes no further name."""

        def link(self, descriptor: int, directory: int, name: str) -> None:
            if os.fstat(descriptor).st_nlink > 1:
                raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
            super().link(descriptor, directory, name)

    disk = LocalDisk(root, syscalls=Crowded(root))
    first = await put(disk, upload(b"same"))
    second = await put(disk, upload(b"same"))
    assert inode(root, first) != inode(root, second)
    assert (root / first.object_key).read_bytes() == (root / second.object_key).read_bytes() == b"same"


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder", "shorter"])
async def test_what_is_no_stored_file_is_not_shared(disk: LocalDisk, root: Path, kind: str) -> None:
    first = await put(disk, upload(b"same"))
    blob = root / BLOBS / first.sha256[:2] / first.sha256[2:]
    blob.unlink()
    match kind:
        case "symlink":
            blob.symlink_to(root / first.object_key)
        case "fifo":
            os.mkfifo(blob)
        case "folder":
            blob.mkdir()
        case "shorter":
            blob.write_bytes(b"sam")
    second = await put(disk, upload(b"same"))
    assert inode(root, first) != inode(root, second)
    assert (root / second.object_key).read_bytes() == b"same"


async def test_a_store_without_an_index_works_on(disk: LocalDisk, root: Path) -> None:
    (root / BLOBS).write_bytes(b"in the way")
    first, second = await put(disk, upload(b"same")), await put(disk, upload(b"same"))
    assert inode(root, first) != inode(root, second)
    assert await disk.delete_file(first.object_key, first.sha256)


async def test_a_sweep_frees_what_has_no_other_name(disk: LocalDisk, root: Path) -> None:
    gone, kept = await put(disk, upload(b"gone")), await put(disk, upload(b"kept"))
    (root / gone.object_key).unlink()  # as after a kill -9 between the two names
    collected = await disk.collect([], dry_run=False)
    assert (collected.blobs, collected.bytes_freed) == (1, len(b"gone"))
    assert blobs_below(root) == {kept.sha256: 1}
