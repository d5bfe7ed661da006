"""Text into Typst: nothing is code, nothing is lost."""

from __future__ import annotations

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusd.renderers.engines.typst_text import CONTROL, array, call, group, literal, softened, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", '"plain"'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("\\u{41}", r'"\\u{41}"'),
        ("#panic()", '"#panic()"'),
        ("bell\x07 nul\x00 escape\x1b", '"bell nul escape"'),
        ("tab\tline\n", '"tab\tline\n"'),
    ],
)
def test_a_literal_escapes_what_means_something(text: str, expected: str) -> None:
    assert literal(text) == expected


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(), min_size=1, max_size=20))
def test_typst_reads_back_what_was_written(texts: list[str]) -> None:
    import json

    read = json.loads(typst.eval(b"", array(literal(text) for text in texts), ignore_system_fonts=True))
    assert read == [CONTROL.sub("", text) for text in texts]


def test_white_space_becomes_one_space() -> None:
    assert words("a \n\t b") == '"a b"'


def test_only_long_runs_may_be_broken_and_only_after_punctuation() -> None:
    address = "https://example.com/a/long/path?with=query&and=more"
    assert softened("a/b short") == "a/b short"
    assert softened(address).replace("\u200b", "") == address
    assert "/\u200ba/" in softened(address)


def test_expressions() -> None:
    assert call("f", "1", "b: 2") == "f(1, b: 2)"
    assert (group([]), group(["x"]), group(["x", "y"])) == ("[]", "x", "{\nx\ny\n}")
    assert (array([]), array(["1"]), array(["1", "2"])) == ("()", "(1, )", "(1, 2, )")
