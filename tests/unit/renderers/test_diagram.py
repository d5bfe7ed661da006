"""The engine of a diagram whose language nobody named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nexusd.renderers.engines.diagram import find_language
from nexusd.renderers.job import ChildJob, InvalidInput

if TYPE_CHECKING:
    from pathlib import Path


def job(folder: Path, name: str, text: str) -> ChildJob:
    (folder / name).write_text(text, "utf-8")
    return ChildJob(input={"source": {"$asset": "a1", "path": name}, "format": "svg"}, workdir=folder, out=folder / "out")


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("a.gv", "pie", "dot"),
        ("a.DOT", "pie", "dot"),
        ("a.mmd", "digraph {}", "mermaid"),
        ("a.mermaid", "a -> b", "mermaid"),
        ("a.d2", "digraph {}", "d2"),
        ("a.txt", "digraph {}", "dot"),
        ("a", "pie", "mermaid"),
        ("a.svg.bak", "a -> b", "d2"),
    ],
)
def test_the_extension_tells_and_else_the_text(tmp_path: Path, name: str, text: str, language: str) -> None:
    assert find_language(job(tmp_path, name, text)) == language


def test_an_empty_file_without_an_extension_has_no_language(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="name it: d2, dot or mermaid"):
        find_language(job(tmp_path, "a", " "))
