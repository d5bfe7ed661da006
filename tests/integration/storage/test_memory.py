"""Constant memory at any size."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nexusd.storage import LocalDisk, WorkFile
from tests.integration.storage.files import MEBIBYTE, put

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SIZE = 300 * MEBIBYTE


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
async def test_three_hundred_megabytes_pass_through_twenty(disk: LocalDisk, work: Path, root: Path) -> None:
    before = resident_bytes()
    most = before

    async def large() -> AsyncGenerator[bytes, None]:
        nonlocal most
        for _ in range(SIZE // 65_536):
            most = max(most, resident_bytes())
            yield bytes(65_536)

    stored = await put(disk, large())
    shutil.copyfile(root / stored.object_key, work / "out/large")
    moved = await put(disk, WorkFile(work, "out/large"))
    await disk.link_into(moved.object_key, work, "again")
    assert (work / "again").stat().st_size == moved.byte_size == SIZE
    assert moved.sha256 == stored.sha256
    assert max(most, resident_bytes()) - before < 20 * MEBIBYTE
