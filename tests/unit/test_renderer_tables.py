"""Tables of the settings that make renderers: what they stand for, and that each mistake names its key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from nexusd.errors import InvalidSettings
from nexusd.renderer_tables import RendererTable
from nexusd.settings import config_file, load_settings

if TYPE_CHECKING:
    from pathlib import Path

MANIM = {"command": ["manim", "{input}", "-o", "{output}"], "extensions": [".py"], "outputs": ["*.mp4"]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in which this process finds its configuration."""
    for name in [name for name in os.environ if name.upper().startswith("NEXUSD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    config_file().parent.mkdir()
    return tmp_path


def table(**changes: Any) -> RendererTable:
    return RendererTable.model_validate({**MANIM, **changes})


def test_a_table_of_the_file_is_read(folder: Path) -> None:
    config_file().write_text(
        "[renderers.manim]\n"
        'command = ["~/bin/manim", "{input}", "-o", "{output}", "-q", "{quality}"]\n'
        'extensions = [".py", ".scene"]\n'
        'outputs = ["*.mp4", "media/**/*.gif"]\n'
        'options = { quality = "l", frameRate = 30 }\n'
        "progress = '(\\d+)%'\n"
        "timeout_seconds = 1200\nslots = 2\nmemory_max_bytes = 4_000_000_000\n"
        'environment = ["LANG"]\nreads = ["~/fonts"]\nnetwork = true\ndescription = "Animations."\n'
        "[renderers.css]\ncommand = ['sassc', '{input}']\nextensions = ['.scss']\n"
        "outputs = {'*.css' = 'text/css', '*.map' = 'application/json'}\n"
    )
    tables = load_settings().renderers
    assert list(tables) == ["manim", "css"]
    manim = tables["manim"]
    assert manim.command[0] == str(folder / "bin" / "manim")
    assert manim.output_types == {".mp4": "video/mp4", ".gif": "image/gif"}
    assert manim.reads == [folder / "fonts"]
    assert (manim.slots, manim.timeout_seconds, manim.network, manim.has_format) == (2, 1200, True, True)
    assert tables["css"].output_types == {".css": "text/css", ".map": "application/json"}
    assert not tables["css"].has_format, "it leaves both: nothing is to be chosen"


def test_without_any_table_there_are_none() -> None:
    assert load_settings().renderers == {}


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("*.mp4", "video/mp4"), ("*.webp", "image/webp"), ("*.avif", "image/avif"), ("*.blend9", "application/octet-stream")],
)
def test_an_output_stands_for_the_type_of_its_extension(name: str, content_type: str) -> None:
    assert set(table(outputs=[name]).output_types.values()) == {content_type}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("command", [], "at least 1 item"),
        ("command", ["{input}"], "PATH"),
        ("command", [""], "PATH"),
        ("command", ["bin/manim"], "absolute"),
        ("command", ["manim", "{ouput}"], "{ouput} stands for nothing; there are {input} {output} {format}"),
        ("command", "manim {input}", "list"),
        ("extensions", [], "at least 1 item"),
        ("extensions", ["py"], "'.py'"),
        ("extensions", [".PY"], "small letters"),
        ("outputs", [], "at least 1 item"),
        ("outputs", ["/tmp/*.mp4"], "stay in the work folder"),
        ("outputs", ["../*.mp4"], "stay in the work folder"),
        ("outputs", ["*"], "end in an extension"),
        ("outputs", {"*.mp4": "video"}, "pattern"),
        ("progress", "(", "no regular expression"),
        ("progress", r"\d+%", "0 groups"),
        ("progress", "(1)(2)(3)", "3 groups"),
        ("timeout_seconds", 0, "greater than 0"),
        ("slots", 0, "greater than or equal to 1"),
        ("memory_max_bytes", 1, "greater than or equal to"),
        ("environment", ["HOME"], "cannot|can be passed on"),
        ("environment", ["NEXUSD_CAPS"], "can be passed on"),
        ("environment", ["A=B"], "can be passed on"),
        ("reads", ["fonts"], "absolute"),
        ("network", "perhaps", "boolean"),
        ("options", {"source": 1}, "options: 'source'"),
        ("options", {"frame rate": 1}, "options: 'frame rate'"),
        ("options", {"quality": "-rf"}, "options: the default of quality"),
        ("options", {"quality": [1]}, "quality"),
        ("nonsense", 1, "Extra inputs"),
    ],
)
def test_a_mistake_is_refused_and_names_its_key(key: str, value: object, said: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load_settings(renderers={"manim": {**MANIM, key: value}})
    assert "renderers.manim" in str(refused.value)
    assert key in str(refused.value)
    assert any(part in str(refused.value) for part in said.split("|")), refused.value


@pytest.mark.parametrize("name", ["Manim", "a b", "", "1st", "x" * 64])
def test_a_table_is_called_what_a_job_type_can_be(name: str) -> None:
    with pytest.raises(InvalidSettings, match=r"renderers: .*is no job type"):
        load_settings(renderers={name: MANIM})


def test_two_braces_are_one(folder: Path) -> None:
    assert table(command=["jq", "{{ {input} }}", '{"a": 1}']).command[1] == "{{ {input} }}"
