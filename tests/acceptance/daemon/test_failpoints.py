"""Failpoints are off unless two things say otherwise, and then the daemon says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.forks import ForkedProgram

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.daemons import Program
    from tests.support.forks import Forge

pytestmark = pytest.mark.slow

REFUSED = 78
VARIABLE = "NEXUSD_FAILPOINTS"
FLAG = "--unsafe-failpoints"


def warnings_of(program: Program) -> list[str]:
    """Return what its log warns of."""
    return [line for line in program.log.splitlines() if " WARNING " in line]


@pytest.mark.parametrize(
    ("text", "flags", "warns", "shown"),
    [
        ("runner.settle.before=raise", [], "ignored without --unsafe-failpoints", None),
        ("bogus", [], "ignored without --unsafe-failpoints", None),
        ("", [], None, None),
        (
            "runner.settle.before=raise; hub.publish.after=kill9@9",
            [FLAG],
            "breaks on purpose",
            ["hub.publish.after", "runner.settle.before"],
        ),
        ("", [FLAG], "breaks on purpose", None),
    ],
)
def test_what_is_armed_is_told(
    home: Path, forge: Forge, text: str, flags: list[str], warns: str | None, shown: list[str] | None
) -> None:
    with ForkedProgram(home, environment={VARIABLE: text}, forge=forge) as program:
        program.start(*flags)
        with program.client() as client:
            assert client.get("/v1/status").json()["failpoints"] == shown
        assert program.stop() == 0
        told = warnings_of(program)
        assert len(told) == (0 if warns is None else 1)
        assert all(str(warns) in line for line in told)


@pytest.mark.parametrize(
    "text", ["bogus=kill9", "runner.settle.before=explode", "runner.settle.before", "hub.publish.after=raise@0"]
)
def test_what_cannot_be_armed_refuses_the_start(home: Path, forge: Forge, text: str) -> None:
    with ForkedProgram(home, environment={VARIABLE: text}, forge=forge) as program:
        program.spawn(FLAG)
        assert program.wait() == REFUSED
        [line] = program.log.splitlines()
        assert line.startswith(f"nexusd: {VARIABLE}: ")
        assert text.rpartition("=")[0].rpartition("=")[0] in line
        assert not program.state.exists()


def test_the_help_warns(home: Path) -> None:
    with ForkedProgram(home, module="nexusd") as program:
        code, said = program.run("--help")
        assert (code, FLAG in said, "for tests only" in said) == (0, True, True)
