"""What tests of connections share: a short path for a socket, and an end at which nothing is left to be collected."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect what httpcore left open, so that its warning falls on nobody else."""
    yield
    gc.collect()


@pytest.fixture
def path() -> Iterator[Path]:
    """Return a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="nx-") as folder:
        yield Path(folder, "s")
