"""Garbage taken away: what a plan says is what happens, and a file that somebody has is never touched."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.errors import NotFound
from nexusd.storage import FoundFile, LocalDisk, local_disk
from tests.integration.storage.files import MEBIBYTE, NOON, Recorder, blobs_below, files_below, put, upload

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_plan_is_what_the_run_does(disk: LocalDisk, root: Path) -> None:
    alone, first, second, kept = [await put(disk, upload(content)) for content in (b"alone", b"same", b"same", b"kept")]
    loose = await put(disk, upload(b"loose one"))
    for blob in (root / ".blobs" / loose.sha256[:2]).iterdir():
        blob.unlink()  # as when the index could not be written
    unused = await put(disk, upload(b"unused"))
    (root / unused.object_key).unlink()
    going = [alone.object_key, first.object_key, second.object_key, loose.object_key]
    before = files_below(root), blobs_below(root)
    planned = await disk.collect(going, dry_run=True)
    assert (files_below(root), blobs_below(root)) == before
    done = await disk.collect(going, dry_run=False)
    assert done == planned
    assert (done.object_keys, done.blobs, done.bytes_freed) == (going, 3, 5 + 4 + 6 + 9)
    assert files_below(root) == [kept.object_key]
    assert blobs_below(root) == {kept.sha256: 1}


async def test_bytes_that_another_file_has_are_not_freed(disk: LocalDisk, root: Path) -> None:
    first, second = await put(disk, upload(b"same")), await put(disk, upload(b"same"))
    for dry_run in (True, False):
        collected = await disk.collect([first.object_key], dry_run=dry_run)
        assert (collected.object_keys, collected.blobs, collected.bytes_freed) == ([first.object_key], 0, 0)
    assert (root / second.object_key).read_bytes() == b"same"
    assert blobs_below(root) == {second.sha256: 1}


async def test_a_file_with_a_name_outside_of_the_store_frees_nothing(disk: LocalDisk, root: Path, tmp_path: Path) -> None:
    stored = await put(disk, upload(b"backed up"))
    os.link(root / stored.object_key, tmp_path / "backup")
    for dry_run in (True, False):
        collected = await disk.collect([stored.object_key], dry_run=dry_run)
        assert (collected.blobs, collected.bytes_freed) == (0, 0)
    assert (tmp_path / "backup").read_bytes() == b"backed up"


async def test_what_is_gone_or_cannot_go_is_left_out(root: Path) -> None:
    class Stubborn(Recorder):
        """A file system that keeps one file."""

        kept = ""

        def unlink(self, name: str, directory: int) -> None:
            if name == self.kept:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            super().unlink(name, directory)

    calls = Stubborn(root)
    disk = LocalDisk(root, syscalls=calls)
    gone, kept, goes = [await put(disk, upload(content)) for content in (b"1", b"22", b"333")]
    (root / gone.object_key).unlink()
    calls.kept = kept.object_key.rpartition("/")[2]
    collected = await disk.collect([gone.object_key, kept.object_key, goes.object_key], dry_run=False)
    assert collected.object_keys == [goes.object_key]
    assert collected.bytes_freed == 1 + 3  # the blob of the one that was gone already, too
    assert files_below(root) == [kept.object_key]


async def test_a_store_without_an_index_is_collected(disk: LocalDisk, root: Path) -> None:
    (root / ".blobs").write_bytes(b"in the way")
    stored = await put(disk, upload(b"four"))
    assert (await disk.collect([stored.object_key], dry_run=True)).bytes_freed == 4
    assert (await disk.collect([stored.object_key], dry_run=False)).bytes_freed == 4
    assert files_below(root) == []


async def test_files_are_found_with_size_and_time(disk: LocalDisk, root: Path) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=1)
    stored = await put(disk, upload(b"hello"))
    os.utime(root / stored.object_key, (0, 0))  # whatever a renderer says of its file
    (root / "foreign").write_bytes(b"x")
    found = {file.object_key: file for file in disk.iter_files()}
    assert found.keys() == {stored.object_key, "foreign"}
    assert isinstance(file := found[stored.object_key], FoundFile)
    assert file.byte_size == 5
    assert begun <= file.stored_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert sorted(disk.iter_keys()) == sorted(found)
    assert begun > NOON


@pytest.mark.parametrize("size", [0, 1, MEBIBYTE, 3 * MEBIBYTE + 1])
async def test_a_file_is_read_anew(disk: LocalDisk, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(local_disk, "CHUNKS_PER_STEP", 1)
    content = os.urandom(size)
    stored = await put(disk, upload(content))
    assert await disk.hash_file(stored.object_key) == (size, hashlib.sha256(content).hexdigest())


async def test_what_is_read_anew_is_what_lies_there_now(disk: LocalDisk, root: Path) -> None:
    stored = await put(disk, upload(b"hello"))
    path = root / stored.object_key
    path.chmod(0o600)
    path.write_bytes(b"hellx")
    assert await disk.hash_file(stored.object_key) == (5, hashlib.sha256(b"hellx").hexdigest())
    path.unlink()
    with pytest.raises(NotFound):
        await disk.hash_file(stored.object_key)


async def test_reading_anew_is_idle_and_leaves_the_thread_as_it_was(disk: LocalDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    from nexusd.storage import hashing

    if platform.machine() not in hashing._CALLS:
        return
    import ctypes

    kernel = ctypes.CDLL(None)
    _, get_priority = hashing._CALLS[platform.machine()]
    seen: list[int] = []

    def look() -> int:
        return int(kernel.syscall(get_priority, 1, 0))

    class Watched(hashing.Hashing):
        """Says how it reads."""

        def go_on(self, chunks: int) -> bool:
            before = look()
            with hashing._idle_io():
                seen.append(look() >> 13)
            more = super().go_on(chunks)
            assert look() == before
            assert before >> 13 != 3
            return more

    monkeypatch.setattr(local_disk, "Hashing", Watched)
    stored = await put(disk, upload(b"hello"))
    await disk.hash_file(stored.object_key)
    assert set(seen) == {3}


async def test_a_collection_that_is_cancelled_leaves_whole_files(
    disk: LocalDisk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_disk, "KEYS_PER_STEP", 1)
    stored = [await put(disk, upload(bytes([number]))) for number in range(4)]
    unlinked = 0
    with trio.CancelScope() as scope:
        unlink = disk._syscalls.unlink

        def unlink_and_cancel(name: str, directory: int) -> None:
            nonlocal unlinked
            unlink(name, directory)
            unlinked += 1
            trio.from_thread.run_sync(scope.cancel)

        monkeypatch.setattr(disk._syscalls, "unlink", unlink_and_cancel)
        await disk.collect([one.object_key for one in stored], dry_run=False)
    assert scope.cancelled_caught
    assert unlinked == 1
    assert files_below(root) == sorted(one.object_key for one in stored[1:])
