"""A small disk of its own, in memory. Mounting one takes root, or a kernel that lets users have namespaces of their own."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEBIBYTE: Final = 1024 * 1024


@contextmanager
def mounted(path: Path, byte_size: int) -> Iterator[Path]:
    """Mount an empty disk of so many bytes at `path`; on leaving, unmount it, whoever still looks into it."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    path.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={byte_size},mode=0700", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)
