"""Disks that are too small, or full but for so much; only root can mount one. And one that is not that of pytest's folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY: Final = Path("/dev/shm")


@contextmanager
def small_disk(directory: Path, options: str) -> Iterator[None]:
    """Mount a disk on `directory`, as small as the options say."""
    directory.mkdir(mode=0o700)
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "none", directory]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this root may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


@contextmanager
def full_disk(disk: Path, *, free_bytes: int | None = None, free_names: int | None = None) -> Iterator[None]:
    """Fill the disk but for so many bytes, or so many new names, for the length of the block."""
    filler = disk / ".filler"
    filler.mkdir()
    try:
        if free_names is not None:
            for number in range(os.statvfs(disk).f_ffree - free_names):
                (filler / str(number)).touch()
        if free_bytes is not None:
            with (filler / "bytes").open("wb") as file:
                room = os.statvfs(disk)
                if (size := room.f_bfree * room.f_bsize - free_bytes) > 0:
                    os.posix_fallocate(file.fileno(), 0, size)
        yield
    finally:
        shutil.rmtree(filler)


@contextmanager
def another_disk(than: Path) -> Iterator[Path]:
    """Make a private folder that can have no hard links to files in `than`."""
    folder = Path(tempfile.mkdtemp(prefix="nx-", dir=MEMORY))
    try:
        assert folder.stat().st_dev != os.stat(than).st_dev, f"{than} is on {MEMORY} too"
        yield folder
    finally:
        shutil.rmtree(folder)
