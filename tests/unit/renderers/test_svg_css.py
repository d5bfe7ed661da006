"""CSS in drawings: token by token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusd.renderers.engines.svg_css import clean_css


def clean(css: str) -> tuple[str, list[str]]:
    said: list[str] = []
    return clean_css(css, said.append), said


@pytest.mark.parametrize(
    ("css", "wanted", "said"),
    [
        ("a { fill: red }", "a { fill: red }", 0),
        ("fill: url( '#a' )", 'fill: url("#a")', 0),
        ("fill: url(#a\\29)", "fill: none", 1),
        ("fill: url(x.png)", "fill: none", 1),
        ("fill: url(x.png)rgb(1,2,3)", "fill: none rgb(1,2,3)", 1),
        ("fill: url(#a b)", "fill: none", 1),
        ("fill: url('a", "fill: none", 1),
        ("fill: U\\52 L(x)", "fill: none", 1),
        ("fill: foo(a(b), 'c)', d)e", "fill: none e", 1),
        ("@import url(x) screen; a { b: c }", "  a { b: c }", 1),
        ("@import 'a;b'; a { b: c }", "  a { b: c }", 1),
        ("@page { a: { b: c } } d { e: f }", "  d { e: f }", 1),
        ("@media print and (width > 3px) { a { b: c } }", "@media print and (width > 3px) { a { b: c } }", 0),
        ("a/* url(x) */b(c)", "a none", 1),
        ("#\\31 a { b: 'x\\'(y' }", "#\\31 a { b: 'x\\'(y' }", 0),
        ('a { b: "c\n(d) }', "a { b:  c\n(d) }", 0),
        ("a { color: r\\gb(1,2,3) }", "a { color: rgb(1,2,3) }", 0),
    ],
)
def test_each_token_is_looked_at(css: str, wanted: str, said: int) -> None:
    result, messages = clean(css)
    assert result == wanted
    assert len(messages) == said


def test_a_long_font_takes_no_long_time() -> None:
    font = 'src: url("data:font/woff;base64,' + "A" * 5_000_000 + '")'
    assert clean(font) == (font, [])


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="url(@import)\\72 \"'#;{}/*-e:\n1", max_size=60))
def test_cleaning_twice_changes_nothing(css: str) -> None:
    once = clean(css)[0]
    assert clean(once) == (once, [])
