"""The desktop that each test of nexusctl gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.cli.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A desktop whose daemon runs all the while; use it through `shared`."""
    desk = Home(tmp_path_factory.mktemp("desk"), running_jobs=2)
    assert desk.run("ls").returncode == 0
    yield desk
    desk.close()


@pytest.fixture
def shared(desk: Home, tmp_path: Path) -> Iterator[Home]:
    """The desktop with the running daemon, and a work folder of this test's own."""
    desk.work = tmp_path
    yield desk
    desk.leave_gates()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A desktop without a daemon; what it starts ends with it."""
    home = Home(tmp_path)
    yield home
    home.close()
