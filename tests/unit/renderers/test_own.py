"""A table of the settings as a renderer: its input, what it needs to be seen, and what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nexusd.renderer_tables import RendererTable
from nexusd.renderers.job import PROGRAM_VARIABLE
from nexusd.renderers.own import find_needs, make_spec, make_specs


def table(**changes: Any) -> RendererTable:
    known = {"command": ["/bin/cp", "{input}", "{output}"], "extensions": [".txt"], "outputs": ["*.out"]}
    return RendererTable.model_validate({**known, **changes})


def validate(given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return make_spec("copy", table(**changes)).input_model.model_validate(given).model_dump(mode="json", by_alias=True)


def test_a_table_is_a_renderer_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICENCE", "secret")
    monkeypatch.setenv("PASSWORD", "more secret")
    [spec] = make_specs(
        {"copy": table(timeout_seconds=7, slots=3, environment=["LICENCE", "UNSET"], reads=["/opt"], network=True)}
    )
    assert (spec.job_type, spec.outputs, spec.extensions) == ("copy", {".out": "application/octet-stream"}, {".txt": {}})
    assert (spec.default_timeout_seconds, spec.slots, spec.network) == (7, 3, True)
    assert spec.environment["LICENCE"] == "secret"
    assert spec.environment.keys() == {"LICENCE", "PYTHONUNBUFFERED", PROGRAM_VARIABLE}
    assert "/opt" in spec.reads
    assert spec.description == "What cp makes of .txt."
    assert spec.unavailable_reason() is None
    assert spec.command({})[-1] == "nexusd.renderers.engines.program:render"
    assert json.loads(spec.environment[PROGRAM_VARIABLE])["command"] == ["/bin/cp", "{input}", "{output}"]


def test_another_table_is_another_version() -> None:
    versions = {make_spec("copy", table(**changes)).own_version for changes in ({}, {}, {"slots": 2}, {"progress": "(1)"})}
    assert len(versions) == 3


def test_the_input_has_the_shape_that_all_share() -> None:
    assert validate({"source": "x"}) == {"source": "x", "files": {}}
    assert validate({"source": {"$asset": "a"}, "files": {"b/c.png": {"$asset": "d"}}})["source"] == {"$asset": "a"}
    for wrong in ({}, {"source": 5}, {"source": "x", "format": "out"}, {"source": "x", "nonsense": 1}):
        with pytest.raises(ValidationError):
            validate(wrong)


@pytest.mark.parametrize("path", ["input.json", "out/x", "assets/x", "tmp/x", "source.txt", "Source.out", "../x", "/x"])
def test_a_file_cannot_take_a_name_that_is_taken(path: str) -> None:
    with pytest.raises(ValidationError):
        validate({"source": "x", "files": {path: {"$asset": "a"}}})


def test_a_file_cannot_be_a_folder_too() -> None:
    with pytest.raises(ValidationError, match="cannot be a file and the folder"):
        validate({"source": "x", "files": {"a": {"$asset": "a"}, "a/b": {"$asset": "a"}}})


def test_several_outputs_are_chosen_from_and_several_extensions_named() -> None:
    many = {"outputs": ["*.mp4", "*.gif"], "extensions": [".py", ".txt"]}
    assert validate({"source": "x"}, **many) == {"source": "x", "files": {}, "extension": None, "format": "mp4"}
    assert validate({"source": "x", "format": "gif", "extension": ".txt"}, **many)["format"] == "gif"
    spec = make_spec("copy", table(**many))
    assert spec.extensions == {".py": {"extension": ".py"}, ".txt": {"extension": ".txt"}}
    with pytest.raises(ValidationError):
        validate({"source": "x", "format": "png"}, **many)


def test_options_have_the_types_of_their_defaults() -> None:
    options = {"quality": "low", "frameRate": 30, "scale": 1.5, "loop": False}
    assert validate({"source": "x"}, options=options) == {"source": "x", "files": {}, **options}
    assert validate({"source": "x", "quality": "high", "loop": True}, options=options)["quality"] == "high"
    for wrong in ({"quality": 5}, {"quality": "-rf"}, {"quality": "a\nb"}, {"frameRate": "fast"}, {"loop": "perhaps"}):
        with pytest.raises(ValidationError):
            validate({"source": "x", **wrong}, options=options)


def test_a_program_that_is_not_there_is_told_and_one_that_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = make_spec("manim", table(command=["manim"]))
    assert missing.unavailable_reason() == (
        "the program manim of [renderers.manim] is not on the PATH of nexusd: install it, or correct the command"
    )
    program = tmp_path / "manim"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    assert "restart nexusd" in str(missing.unavailable_reason())
    found = make_spec("manim", table(command=["manim"]))
    assert (found.unavailable_reason(), found.reads) == (None, (str(program),))
    program.unlink()
    assert "has gone" in str(found.unavailable_reason())
    assert "does not exist" in str(make_spec("manim", table(command=["/no/such/manim"])).unavailable_reason())
    assert "/no/fonts" in str(make_spec("copy", table(reads=["/no/fonts"])).unavailable_reason())


def test_a_program_of_a_virtual_environment_is_shown_with_it(tmp_path: Path) -> None:
    environment, python = tmp_path / "venv", tmp_path / "python"
    for folder in (environment / "bin", python / "bin", tmp_path / "bin"):
        folder.mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text(f"home = {python / 'bin'}\nversion = 3\n")
    program = environment / "bin" / "manim"
    program.touch()
    link = tmp_path / "bin" / "manim"
    link.symlink_to(program)
    assert find_needs(str(link)) == (str(link), str(program), str(environment), str(python))
    assert find_needs("/usr/bin/env") == ()
    assert str(Path(sys.prefix)) in find_needs(str(Path(sys.executable)))
