"""The levels at which children can be held, each found to work here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusd.runner.containment import Containment, Level, find_containment
from tests.support.daemons import make_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def short() -> Iterator[Path]:
    """Return a folder with a name that is short enough for a socket in it."""
    with make_home() as home:
        yield home


@pytest.fixture(params=list(Level))
async def containment(request: pytest.FixtureRequest) -> Containment:
    """Return each level in turn."""
    return await find_containment(request.param, Level.LIMITS)


@pytest.fixture
async def bubblewrap() -> Containment:
    """Return the strongest level."""
    return await find_containment(Level.BUBBLEWRAP, Level.BUBBLEWRAP)
