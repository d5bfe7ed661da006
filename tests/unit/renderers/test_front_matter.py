"""Front matter: a little YAML, and what Pandoc, Quarto and Jekyll call things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusd.renderers.engines.formulas import Formulas
from nexusd.renderers.engines.front_matter import FrontMatter, read_front_matter
from nexusd.renderers.engines.markdown import convert
from nexusd.renderers.engines.references import References
from nexusd.renderers.engines.report import compose, look, top_level
from nexusd.renderers.engines.yaml_lines import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.engines.markdown import Converted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("just text", {}),
        ("a: b", {"a": "b"}),
        ("a: x: y  # comment", {"a": "x: y"}),
        ("a: 'it''s'\nb: \"x \\\"y\\\"\"", {"a": "it's", "b": 'x "y"'}),
        ("a: [b, 'c, d', \"e\"]", {"a": ["b", "c, d", "e"]}),
        ("a:\n  - b\n  - c\nd: e", {"a": ["b", "c"], "d": "e"}),
        ("a:\n- b\n- c\nd: e", {"a": ["b", "c"], "d": "e"}),
        ("a:\n  - name: B\n    of: C\n  - name: D", {"a": [{"name": "B", "of": "C"}, {"name": "D"}]}),
        ("a: |\n  one\n  two\nb: c", {"a": "one\ntwo", "b": "c"}),
        ("a: >\n  one\n  two\n", {"a": "one two"}),
        ("a:\n  b:\n    c: d\ne: f", {"a": {"b": {"c": "d"}}, "e": "f"}),
        ("a: {x: 1cm, y: 2cm}", {"a": {"x": "1cm", "y": "2cm"}}),
        ("a:\nb: c", {"a": "", "b": "c"}),
    ],
)
def test_a_little_yaml(text: str, expected: dict[str, Any]) -> None:
    assert read_yaml(text) == expected


@settings(max_examples=200)
@given(st.one_of(st.text(), st.text(alphabet="ab:-# \n'\"[]{}|>,\t")))
def test_any_text_is_read_without_complaint(text: str) -> None:
    assert isinstance(read_yaml(text), dict)
    assert isinstance(read_front_matter(text), FrontMatter)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("author: Ada", "authors", ("Ada",)),
        ("author: [Ada, Bob]", "authors", ("Ada", "Bob")),
        ("authors:\n  - name: Ada\n    orcid: 1\n  - Bob", "authors", ("Ada", "Bob")),
        ("lang: de-AT", "lang", "de"),
        ("lang: de-AT", "region", "AT"),
        ("language: fr", "lang", "fr"),
        ("lang: klingon", "lang", "en"),
        ("toc: yes", "toc", True),
        ("toc: false", "toc", False),
        ("format:\n  pdf:\n    toc: true\n    number-sections: true", "toc", True),
        ("toc-depth: 2", "toc_depth", 2),
        ("papersize: letter", "paper", "us-letter"),
        ("geometry: margin=2cm", "margin", "2cm"),
        ("margin: 1in", "margin", "1in"),
        ("margin: {x: 1cm, y: 2cm}", "margin", "(x: 1cm, y: 2cm, rest: 2.3cm)"),
        ("margin: {x: 'read(1)'}", "margin", "(rest: 2.3cm)"),
        ("fontsize: 12pt", "size", 12.0),
        ("theme: dark", "theme", "dark"),
        ("theme: cosmo", "theme", None),
        ("landscape: true", "landscape", True),
        ("keywords: [a, b]", "keywords", ("a", "b")),
    ],
)
def test_what_a_field_means(text: str, field: str, value: object) -> None:
    assert getattr(read_front_matter(text), field) == value


@pytest.mark.parametrize(
    "text", ["paper: b9", "fontsize: 99", "toc: maybe", "margin: 1em; panic()", "toc-depth: 9", "font: Arial"]
)
def test_what_is_not_understood_is_named_and_left_out(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    front = read_front_matter(text)
    assert front == FrontMatter()
    key = text.partition(":")[0].replace("paper", "papersize")
    assert capsys.readouterr().err.startswith(f"document.md: front matter: {key} is not understood and left out: ")


def converted(tmp_path: Path, source: str) -> Converted:
    return convert(source, References(tmp_path, frozenset()), Formulas())


def test_an_option_wins_over_the_front_matter_and_that_over_the_default(tmp_path: Path) -> None:
    source = "---\npaper: a5\nfont: sans\nlandscape: true\nfontsize: 12\n---\nx"
    found = look(converted(tmp_path, source), {"paper": "a3", "landscape": False})
    assert (found.paper, found.font, found.landscape, found.size, found.theme) == ("a3", "sans", False, 12.0, "light")


@pytest.mark.parametrize(
    ("source", "level"),
    [
        ("# A\n\n# B\n\n## C", 1),
        ("# Title\n\n## A\n\n## B", 2),
        ("---\ntitle: T\n---\n# A\n\n## B", 1),
        ("---\ntitle: T\n---\n## A\n\n### B", 2),
        ("x", 1),
        ("# Title", 1),
    ],
)
def test_chapters_are_the_headings_below_the_title(tmp_path: Path, source: str, level: int) -> None:
    assert top_level(converted(tmp_path, source)) == level


def test_the_title_block_stands_where_the_text_has_no_title_of_its_own(tmp_path: Path) -> None:
    front = "---\ntitle: T\nauthor: Ada\nabstract: In\n  short.\n---\n"
    assert '#title-block("T", ("Ada", ), "In")' in compose(converted(tmp_path, front + "## A"), {})
    assert '#title-block("", ("Ada", ), "In")' in compose(converted(tmp_path, front + "# T\n\n## A"), {})
    assert "#title-block(" not in compose(converted(tmp_path, "# T"), {})
    assert "#contents(3)" in compose(converted(tmp_path, "# T"), {"toc": True})
