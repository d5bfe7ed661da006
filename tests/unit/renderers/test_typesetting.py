"""Typst's diagnostics as lines with a place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nexusd.renderers.engines.coverage import foreign_characters
from nexusd.renderers.engines.typesetting import LINES_MAX, TypesetError, Typesetting, describe

if TYPE_CHECKING:
    from pathlib import Path

DRAWN = """\
error: cannot add string and integer
  ┌─ document.typ:1:12
  │
1 │ #let f(x) = x + 1
  │             ^^^^^

help: while calling `f`
  ┌─ document.typ:2:1
  │
2 │ #f("a")
  │  ^^^^^^

"""


def compiled(folder: Path, source: str) -> tuple[bytes, list[str]]:
    (folder / "document.typ").write_text(source)
    return Typesetting(root=folder, main="document.typ", fonts=folder).compile(format="pdf")


def test_the_environment_is_afterwards_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.delenv("ALL_PROXY", raising=False)
    before = dict(os.environ)
    compiled(tmp_path, "a")
    assert dict(os.environ) == before
    with pytest.raises(TypesetError):
        compiled(tmp_path, "#panic()")
    assert dict(os.environ) == before


def test_a_drawing_becomes_one_line() -> None:
    assert describe(DRAWN) == ["document.typ:1:12: error: cannot add string and integer"]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("= Hi\n#foo", "document.typ:2:1: error: unknown variable: foo"),
        ("#bar(", "document.typ:1:4: error: unclosed delimiter"),
        ('#panic("x")', "document.typ:1:1: error: panicked with: x"),
        ('#import "@preview/cetz:0.3.0": canvas', "document.typ:1:8: error: packages are not available here: cetz-0.3.0"),
        ('#read("/etc/passwd")', "document.typ:1:6: error: file not found (searched at etc/passwd)"),
        ('#read("../../../../etc/passwd")', "document.typ:1:6: error:"),
    ],
)
def test_errors_name_the_place_and_no_folder_of_ours(tmp_path: Path, source: str, line: str) -> None:
    with pytest.raises(TypesetError) as refused:
        compiled(tmp_path, source)
    assert str(refused.value).startswith(line)
    assert str(tmp_path) not in str(refused.value)


def test_warnings_are_lines_too(tmp_path: Path) -> None:
    content, warnings = compiled(tmp_path, '#set text(font: "No Such Font")\nx')
    assert content.startswith(b"%PDF-")
    assert warnings == ["document.typ:1:16: warning: unknown font family: no such font"]


def test_links_of_the_file_system_do_not_lead_out(tmp_path: Path) -> None:
    """Typst follows symbolic links, so the source folder must hold none; this shows why `place_files` makes hard links."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "link.txt").symlink_to(secret)
    assert compiled(folder, '#read("link.txt")')[0]


def test_what_typst_itself_can_draw_needs_no_font_of_the_machine() -> None:
    assert foreign_characters("plain äöü ß Ελληνικά Привет → ⇒ ∑ ∫ “quotes” — … ✓ ✗ ☑ ├── \t\r\n\u200b") == ""
    assert foreign_characters("日本 😀") == "日本😀"


@pytest.mark.slow
def test_very_many_errors_are_cut(tmp_path: Path) -> None:
    with pytest.raises(TypesetError) as refused:
        compiled(tmp_path, "#(" + "-" * 12_000 + "1)")
    lines = str(refused.value).splitlines()
    assert len(lines) == LINES_MAX + 1
    assert lines[-1].startswith("… and ")
