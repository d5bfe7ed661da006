"""A file system that is not the one of pytest's folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY: Final = Path("/dev/shm")


@contextmanager
def another_disk(than: Path) -> Iterator[Path]:
    """Make a private folder that can have no hard links to files in `than`."""
    folder = Path(tempfile.mkdtemp(prefix="nx-", dir=MEMORY))
    try:
        assert folder.stat().st_dev != os.stat(than).st_dev, f"{than} is on {MEMORY} too"
        yield folder
    finally:
        shutil.rmtree(folder)
