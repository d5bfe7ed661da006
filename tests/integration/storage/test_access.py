"""Reading, handing out, deleting, listing; and a store in which somebody has been at work with symlinks."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.errors import NotFound, StorageUnavailable, UnsafePath
from nexusd.storage import LocalDisk
from nexusd.storage import outgoing as outgoing_module
from tests.integration.storage.files import MEBIBYTE, files_below, put, upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def test_a_stored_file_can_be_read(disk: LocalDisk) -> None:
    stored = await put(disk, upload(b"hello"))
    with closing(await disk.open_file(stored.object_key)) as reader:
        assert (await reader.read(0, 10), reader.byte_size) == (b"hello", 5)
        assert not os.get_inheritable(reader._file.fileno())


async def test_a_file_that_is_being_read_can_be_deleted(disk: LocalDisk) -> None:
    stored = await put(disk, upload(b"hello"))
    with closing(await disk.open_file(stored.object_key)) as reader:
        await disk.delete_file(stored.object_key, stored.sha256)
        assert await reader.read(0, 5) == b"hello"


async def test_a_symlink_in_the_place_of_a_directory_is_not_followed(disk: LocalDisk, root: Path) -> None:
    stored = await put(disk, upload(b"hello"))
    outside = root.parent / "outside"
    (root / "default").rename(outside)
    (root / "default").symlink_to(outside)
    with pytest.raises(NotFound):
        await disk.open_file(stored.object_key)
    assert not await disk.delete_file(stored.object_key, stored.sha256)
    before = files_below(outside)
    with pytest.raises(NotADirectoryError):
        await put(disk, upload(b"hello"))
    assert files_below(outside) == before
    assert files_below(root) == ["default"]
    assert list(disk.iter_keys()) == []


async def test_only_plain_files_are_read_and_listed(disk: LocalDisk, root: Path) -> None:
    stored = await put(disk, upload(b"hello"))
    path = root / stored.object_key
    path.rename(root.parent / "moved")
    foreign: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (lambda: path.symlink_to(root.parent / "moved"), path.unlink),
        (lambda: os.mkfifo(path), path.unlink),
        (path.mkdir, path.rmdir),
    ]
    for make, remove in foreign:
        make()
        with pytest.raises(NotFound):
            await disk.open_file(stored.object_key)
        assert list(disk.iter_keys()) == []
        remove()


async def test_the_list_has_every_file_and_no_temporary_one(disk: LocalDisk, root: Path) -> None:
    stored = [await put(disk, upload(b"x"), filename=name) for name in ("a", "b", "c")]
    (root / ".incoming" / "half").write_bytes(b"x")
    assert sorted(disk.iter_keys()) == sorted(one.object_key for one in stored)


async def test_opening_sweeps_what_an_earlier_life_left(disk: LocalDisk, root: Path) -> None:
    stored = await put(disk, upload(b"x"))
    (root / ".incoming" / "half").write_bytes(b"x")
    LocalDisk(root)
    assert files_below(root) == [stored.object_key]
    (root / ".incoming" / "half").write_bytes(b"x")
    assert await disk.sweep_temps() == 1


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS])
async def test_the_copy_is_made_by_hand_where_the_kernel_cannot(
    disk: LocalDisk, work: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    content = os.urandom(2 * MEBIBYTE + 3)
    stored = await put(disk, upload(content))

    def cannot(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "copy_file_range", cannot)
    await disk.link_into(stored.object_key, work, "a")
    assert (work / "a").read_bytes() == content


async def test_a_cancelled_copy_is_taken_away(disk: LocalDisk, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = await put(disk, upload(bytes(3 * MEBIBYTE)))
    monkeypatch.setattr(outgoing_module, "STEP_BYTES", MEBIBYTE)
    copy_range = os.copy_file_range
    with trio.CancelScope() as scope:

        def copy_and_cancel(source: int, target: int, count: int) -> int:
            trio.from_thread.run_sync(scope.cancel)
            return copy_range(source, target, count)

        monkeypatch.setattr(os, "copy_file_range", copy_and_cancel)
        await disk.link_into(stored.object_key, work, "a")
    assert scope.cancelled_caught
    assert files_below(work) == []


def test_the_root_is_made_private(root: Path) -> None:
    root.mkdir(mode=0o755)
    LocalDisk(root)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_a_root_that_is_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_bytes(b"")
    for name in ("link", "file"):
        with pytest.raises(UnsafePath, match=name):
            LocalDisk(tmp_path / name)


def test_a_root_of_somebody_else_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(UnsafePath, match="54321"):
        LocalDisk(root)


async def test_a_root_that_was_moved_away_is_not_made_anew(disk: LocalDisk, root: Path) -> None:
    stored = await put(disk, upload(b"hello"))
    elsewhere = root.parent / "elsewhere"
    os.rename(root, elsewhere)
    with pytest.raises(FileNotFoundError):
        await put(disk, upload(b"hello"))
    os.mkdir(root)
    with pytest.raises(StorageUnavailable, match="moved or unmounted"):
        await put(disk, upload(b"hello"))
    assert files_below(root) == []
    os.rmdir(root)
    os.rename(elsewhere, root)
    (await disk.open_file(stored.object_key)).close()
