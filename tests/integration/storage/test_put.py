"""Uploads: durable before the answer, nothing left behind when there is none."""

from __future__ import annotations

import errno
import resource
import stat
import sys
import threading
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.errors import StorageFull, StorageUnavailable
from nexusd.storage import LocalDisk
from tests.integration.storage.files import INDEX_CALLS, MEBIBYTE, Recorder, files_below, put, upload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nexusd.storage import Provider


def test_the_local_disk_is_a_provider(disk: LocalDisk) -> None:
    provider: Provider = disk
    assert provider.name == "local_disk"


async def test_files_are_read_only_and_directories_private(disk: LocalDisk, root: Path) -> None:
    stored = await put(disk, upload(b"x"))
    assert stat.S_IMODE((root / stored.object_key).stat().st_mode) == 0o400
    folders = [folder for folder in (root / stored.object_key).parents if folder.is_relative_to(root)]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert len(folders) == 7


async def test_the_order_that_survives_a_power_cut(root: Path) -> None:
    calls = Recorder(root)
    disk = LocalDisk(root, syscalls=calls)
    assert calls.calls == [f"fsync {root.parent}", "mkdir .incoming", "fsync ."]

    calls.calls.clear()
    stored = await put(disk, upload(b"x"))
    temp = calls.calls[0].removeprefix("write ")
    assert temp.startswith(".incoming/")
    folders = [".", *(str(folder) for folder in reversed(PurePath(stored.object_key).parents[:-1]))]
    folders_made = [call for above, folder in pairwise(folders) for call in (f"mkdir {folder}", f"fsync {above}")]
    written = [f"write {temp}", f"fsync {temp}"]
    published = [f"link {temp} -> {stored.object_key}", f"unlink {temp}", f"fsync {folders[-1]}"]
    blob = f".blobs/{stored.sha256[:2]}/{stored.sha256[2:]}"
    noted = ["mkdir .blobs", f"mkdir {PurePath(blob).parent}", f"link {temp} (deleted) -> {blob}"]
    assert calls.calls == written + folders_made + published + noted

    calls.calls.clear()
    again = await put(disk, upload(b"y"))
    assert [call.split()[0] for call in calls.calls[:5]] == ["write", "fsync", "link", "unlink", "fsync"]
    assert calls.calls[4] == f"fsync {PurePath(again.object_key).parent}"


async def test_a_new_life_fsyncs_directories_that_an_earlier_one_may_not_have(disk: LocalDisk, root: Path) -> None:
    await put(disk, upload(b"x"))
    calls = Recorder(root)
    await put(LocalDisk(root, syscalls=calls), upload(b"x"))
    assert not [call for call in calls.calls if call.startswith("mkdir")]
    for folder in (".", "default", "default/generated", "default/generated/chart", "default/generated/chart/2026/01"):
        assert f"fsync {folder}" in calls.calls


async def test_a_cancelled_upload_leaves_nothing(disk: LocalDisk, root: Path) -> None:
    halfway = trio.Event()

    async def stalls() -> AsyncGenerator[bytes, None]:
        yield bytes(2 * MEBIBYTE)
        halfway.set()
        await trio.sleep_forever()

    async with aclosing(stalls()) as source, trio.open_nursery() as nursery:
        nursery.start_soon(put, disk, source)
        await halfway.wait()
        assert len(files_below(root)) == 1
        nursery.cancel_scope.cancel()
    assert files_below(root) == []


class _Slow(Recorder):
    """Holds the fsync of the uploaded file until it is let go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reached = trio.Event()
        self.go_on = threading.Event()

    def fsync(self, descriptor: int) -> None:
        if ".incoming/" in self._path(descriptor):
            trio.from_thread.run_sync(self.reached.set)
            assert self.go_on.wait(10)
        super().fsync(descriptor)


async def test_a_cancel_while_publishing_waits_and_the_file_is_whole(root: Path) -> None:
    calls = _Slow(root)
    disk = LocalDisk(root, syscalls=calls)
    results = []

    async def put_one() -> None:
        results.append(await put(disk, upload(b"x")))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(put_one)
        await calls.reached.wait()
        nursery.cancel_scope.cancel()
        calls.go_on.set()
    assert files_below(root) == [results[0].object_key]


async def _count_calls(root: Path) -> int:
    calls = Recorder(root)
    disk = LocalDisk(root, syscalls=calls)
    calls.calls.clear()
    await put(disk, upload(b"x" * MEBIBYTE, b"y"))
    return len(calls.calls)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "expected"), [(errno.EIO, StorageUnavailable), (errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull)]
)
async def test_a_failure_of_any_system_call_leaves_nothing_and_passes(
    tmp_path: Path, error: int, expected: type[Exception]
) -> None:
    count = await _count_calls(tmp_path / "counted")
    assert count == 18 + INDEX_CALLS
    for number in range(1, count + 1):
        root = tmp_path / f"store{number}"
        calls = Recorder(root, error=error)
        disk = LocalDisk(root, syscalls=calls)
        calls.fail_at = len(calls.calls) + number
        stored = []
        if number > count - INDEX_CALLS:  # the file is stored by then
            stored.append(await put(disk, upload(b"x" * MEBIBYTE, b"y")))
        else:
            with pytest.raises(expected):
                await put(disk, upload(b"x" * MEBIBYTE, b"y"))
        assert len(calls.calls) >= calls.fail_at, "the fault did not fire"
        assert files_below(root) == [file.object_key for file in stored], calls.calls
        stored.append(await put(disk, upload(b"again")))
        assert files_below(root) == sorted(file.object_key for file in stored)


async def test_a_real_limit_of_the_kernel_is_a_full_disk(disk: LocalDisk, root: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, hard))
    try:
        with pytest.raises(StorageFull, match="File too large"):
            await put(disk, upload(bytes(2 * MEBIBYTE)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_below(root) == []
    await put(disk, upload(bytes(2 * MEBIBYTE)))


_DIES = """
import os, signal, sys
from pathlib import Path
import trio
from nexusd.storage import LocalDisk
from tests.integration.storage.files import Recorder, put, upload

class Deadly(Recorder):
    def _fail(self):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    calls = Deadly(Path(sys.argv[1]))
    disk = LocalDisk(calls.root, syscalls=calls)
    calls.fail_at = len(calls.calls) + int(sys.argv[2])
    await put(disk, upload(b"x" * 1024 * 1024, b"y"))

trio.run(main)
"""


@pytest.mark.slow
async def test_kill_9_at_any_system_call_leaves_a_whole_file_or_none(tmp_path: Path) -> None:
    sent = b"x" * MEBIBYTE + b"y"
    seen = set()
    # 18 calls, each of which is the last one of a process
    for number in range(1, 19):
        root = tmp_path / f"store{number}"
        died = await trio.run_process([sys.executable, "-c", _DIES, root, str(number)], check=False, capture_stderr=True)
        assert died.returncode == -9, died.stderr
        left = files_below(root)
        disk = LocalDisk(root)
        swept = files_below(root)
        assert swept == list(disk.iter_keys())
        assert not [name for name in swept if name.startswith(".")]
        assert all((root / name).read_bytes() == sent for name in swept)
        seen.add((len(left), len(swept)))
    # a temporary file only, both names of the published one, the published one only
    assert seen == {(1, 0), (2, 1), (1, 1)}
