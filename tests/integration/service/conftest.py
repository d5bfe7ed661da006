"""A home for a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from tests.support.daemons import make_home
from tests.support.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a short private folder; nothing of the user's own settings is read."""
    with make_home() as home:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        yield home


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database as a first start leaves it, to be copied: making one takes most of the time of a short life."""
    path = tmp_path_factory.mktemp("empty") / "nexusd.db"

    async def make() -> None:
        async with open_store(path):
            pass

    trio.run(make)
    return path
