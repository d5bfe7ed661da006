"""The levels that this kernel has, for every test that takes one."""

from __future__ import annotations

import pytest

from tests.support.launchers import LEVELS


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Each level that this kernel has."""
    name: str = request.param
    return name
