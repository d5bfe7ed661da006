"""Every family draws the same text where the machine has no fonts at all: their folders are empty to the child."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from nexusd.renderers.engines.glyphs import FOLDERS
from nexusd.renderers.registry import BUILT_IN
from nexusd.runner.bubblewrap import find_bubblewrap
from tests.integration.renderers.children import render

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow

TEXT = "Größe → Ωραία Жук"
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "d2": ("diagram", {"language": "d2", "source": f'"{TEXT}"'}),
    "dot": ("diagram", {"language": "dot", "source": f'digraph {{ "{TEXT}" }}'}),
    "mermaid": ("diagram", {"language": "mermaid", "source": f"flowchart LR\n  a[{TEXT}]"}),
    "markdown": ("document", {"language": "markdown", "source": f"# {TEXT}\n\n`{TEXT}` $x^2$\n", "font": "sans"}),
    "typst": ("document", {"language": "typst", "source": f"= {TEXT}\n"}),
    "chart": (
        "chart",
        {"source": {"title": TEXT, "data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a"}}}},
    ),
    "image": (
        "image",
        {"source": f'<svg xmlns="http://www.w3.org/2000/svg"><text y="20" font-family="Arial">{TEXT}</text></svg>'},
    ),
    "theme": ("theme", {"seed": "tomato"}),
    "video": ("video", {"slides": [{"color": "navy", "title": TEXT, "durationSeconds": 1}], "size": "480p"}),
}
FAMILIES = {spec.job_type: spec for spec in BUILT_IN}


def hide_fonts(workdir: Path) -> list[str]:
    """Return the start of a command line whose program finds no font of the machine, and can write to `workdir` only."""
    empty = [word for folder in FOLDERS if Path(folder).is_dir() for word in ("--tmpfs", folder)]
    return [
        next(find_bubblewrap()),
        "--ro-bind",
        "/",
        "/",
        *empty,
        "--dev",
        "/dev",
        "--setenv",
        "TMPDIR",
        str(workdir),
        "--bind",
        str(workdir),
        str(workdir),
    ]


def no_fontconfig(folder: Path) -> dict[str, str]:
    """Return the environment in which fontconfig knows no folder, whatever the machine's configuration says."""
    (folder / "fonts.conf").write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    return {"FONTCONFIG_FILE": str(folder / "fonts.conf")}


def test_they_are_hidden(tmp_path: Path) -> None:
    ask = f"from pathlib import Path; print([str(file) for name in {FOLDERS!r} for file in Path(name).glob('**/*.*')])"
    command: Sequence[str] = [*hide_fonts(tmp_path), sys.executable, "-c", ask]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == "[]\n"


def test_there_is_a_case_of_every_family() -> None:
    assert {family for family, _ in CASES.values()} == set(FAMILIES)


@pytest.mark.parametrize("name", CASES)
def test_text_is_the_same_without_any_font_of_the_machine(tmp_path: Path, name: str) -> None:
    family, options = CASES[name]
    spec, given = FAMILIES[family], {**options, "format": "png"}
    seen = render(spec, given, tmp_path / "seen")
    work = tmp_path / "hidden"
    work.mkdir()
    hidden = render(spec, given, work, environment=no_fontconfig(work), before=hide_fonts(work))
    assert (hidden.code, hidden.log) == (0, seen.log)
    assert hidden.files == seen.files
    for content in hidden.files.values():
        with Image.open(io.BytesIO(content)) as picture:
            assert len(picture.convert("RGBA").getcolors(1 << 24) or []) > 8
