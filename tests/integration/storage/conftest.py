"""A store and a work directory on a real filesystem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusd.storage import LocalDisk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "assets"


@pytest.fixture
def disk(root: Path) -> LocalDisk:
    return LocalDisk(root)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a job's work directory, with its `out`."""
    directory = tmp_path / "work"
    (directory / "out").mkdir(parents=True)
    return directory
