"""Fences that are drawn where they stand: captions, sizes, errors with the document's lines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from nexusd.renderers.document import DocumentInput
from nexusd.renderers.engines import document, drawing
from nexusd.renderers.engines.figures import COUNT_MAX, Info, length, read_info, relocated
from nexusd.renderers.job import ChildJob, InvalidInput
from tests.integration.renderers.pdf import unpacked

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests' own engine draw, and keep what the typesetter does to the environment to the test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setitem(drawing.ENGINES, "dot", "tests.integration.renderers.plain_drawing:draw")


def rendered(folder: Path, source: str, **options: Any) -> bytes:
    """Return the one file that a document becomes."""
    (folder / "out").mkdir(parents=True)
    given = DocumentInput.model_validate({"source": source, **options}).model_dump(by_alias=True, mode="json")
    document.render(ChildJob(given, folder, folder / "out"))
    (file,) = (folder / "out").iterdir()
    return file.read_bytes()


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ("d2", Info("d2")),
        ("D2 ", Info("d2")),
        ("graphviz", Info("dot")),
        ("{.mermaid}", Info("mermaid")),
        ("{mermaid}", Info("mermaid")),
        ('dot "The parts"', Info("dot", "The parts")),
        ('{.dot caption="The parts" width=8cm}', Info("dot", "The parts", "8cm")),
        ("vega-lite width=50%", Info("vega-lite", "", "50%")),
        ("vega width=400", Info("vega", "", "300pt")),
        ('dot width="read(1)"', Info("dot")),
        ("python", None),
        ("", None),
        ("dots", None),
    ],
)
def test_what_stands_behind_the_backticks(info: str, told: Info | None) -> None:
    assert read_info(info) == told


@pytest.mark.parametrize(
    ("text", "typst"), [("0", "auto"), ("10px", "7.5pt"), ("150%", "100%"), ("3in", "3in"), ("3 cm", "auto")]
)
def test_a_width(text: str, typst: str) -> None:
    assert length(text) == typst


@pytest.mark.slow
def test_a_fence_is_a_picture_with_its_caption(tmp_path: Path) -> None:
    svg = rendered(tmp_path, 'Before\n\n```dot "The parts"\nabc\n```\n', format="svg").decode()
    assert "<image" in svg
    assert (tmp_path / "source" / ".nexusd-drawing-1.svg").read_text().count("abc light") == 1
    content = unpacked(rendered(tmp_path / "b", '# T\n\n```dot "The parts"\nabc\n```\n', pdfStandard="ua-1"))
    assert b"/Alt(The parts)" in content


def test_the_same_text_is_drawn_once(tmp_path: Path) -> None:
    rendered(tmp_path, "```dot\na\n```\n\n```dot\na\n```\n\n```dot\nb\n```\n")
    assert len(list((tmp_path / "source").glob(".nexusd-drawing-*.svg"))) == 2


@pytest.mark.parametrize(("source", "theme"), [("", "light"), ("---\ntheme: dark\n---\n", "dark")])
def test_a_drawing_has_the_theme_and_the_paper_of_the_document(tmp_path: Path, source: str, theme: str) -> None:
    rendered(tmp_path, source + "```dot\na\n```\n")
    svg = (tmp_path / "source" / ".nexusd-drawing-1.svg").read_text()
    assert f"a {theme}" in svg
    assert ("#ffffff" in svg) == (theme == "light")


def test_fences_are_code_when_that_is_asked_for(tmp_path: Path) -> None:
    rendered(tmp_path, "```dot\nwrong\n```\n", embed=False)
    assert not list((tmp_path / "source").glob(".nexusd-drawing-*"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("# A\n\n```dot\nfine\n  wrong\n```\n", "document.md:5:3: this is wrong\n(in the dot fence of line 3)"),
        ("> ```dot\n> wrong\n> ```\n", "document.md:2:1: this is wrong\n(in the dot fence of line 1)"),
        ("---\na: b\n---\n\n- x\n\n  ```dot\n  wrong\n  ```\n", "document.md:8:1: this is wrong\n(in the dot fence of line 7)"),
        ("a\n\n```dot\n```\n", "document.md:3: the source is empty\n(in the dot fence of line 3)"),
    ],
)
def test_an_error_names_the_line_of_the_document(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rendered(tmp_path, source)
    assert str(refused.value) == message


def test_messages_of_several_lines_are_relocated_each() -> None:
    assert relocated("x.d2:1:2: a\nx.d2:3:4: b\nhint", "d2", 10) == (
        "document.md:11:2: a\ndocument.md:13:4: b\nhint\n(in the d2 fence of line 10)"
    )


def test_too_many_drawings_are_refused(tmp_path: Path) -> None:
    source = "".join(f"```dot\n{number}\n```\n\n" for number in range(COUNT_MAX + 1))
    with pytest.raises(InvalidInput, match=f"document.md:{COUNT_MAX * 4 + 1}: more than {COUNT_MAX} drawings"):
        rendered(tmp_path, source)
