"""A store on a fresh file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.stores import Store, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "nexusd.db") as opened:
        yield opened
