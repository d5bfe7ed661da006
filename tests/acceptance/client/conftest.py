"""The daemons and the clients of this suite."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Final

import pytest

from tests.acceptance.client.faces import KINDS, open_client
from tests.support.daemons import Program, make_home
from tests.support.scripted import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nexusctl import Nexus


TWICE: Final = """
[renderers.twice]
command = ["/bin/sh", "-c", 'cat "$1" "$1" >out/a.txt; printf "%s" "$2" >>out/a.txt', "twice", "{input}", "{mark}"]
extensions = [".twice"]
outputs = ["*.txt"]
options = { mark = "" }
"""
"""A renderer of the settings: what no name tells."""


@pytest.fixture(scope="package")
def shared() -> Iterator[Program]:
    """A daemon that runs all the while."""
    with make_home() as home, Program(home) as program:
        (home / "config" / "nexusd").mkdir()
        (home / "config" / "nexusd" / "config.toml").write_text(TWICE)
        program.start()
        yield program
        program.stop()


@pytest.fixture
def own() -> Iterator[Program]:
    """A daemon of this test's own, not started yet."""
    with make_home() as home, Program(home) as program:
        yield program


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect what httpcore left open, so that its warning falls on nobody else."""
    yield
    gc.collect()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """What kind of client."""
    name: str = request.param
    return name


@pytest.fixture
def nexus(shared: Program, kind: str) -> Iterator[Nexus]:
    """A client of the daemon that runs all the while."""
    with open_client(kind, shared.socket, start=False) as client:
        yield client


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate, closed."""
    with Gate(tmp_path / "gate") as gate:
        yield gate
