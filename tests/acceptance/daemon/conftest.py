"""A home for a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.daemons import make_home
from tests.support.forks import open_forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.forks import Forge


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a short private folder; nothing of the user's own settings is read."""
    with make_home() as home:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        yield home


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    """Return what starts daemons quickly."""
    with open_forge() as forge:
        yield forge
