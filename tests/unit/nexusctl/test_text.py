"""Text from elsewhere: nothing that a terminal would obey gets through, and what is shortened fits."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusctl.output.text import LINE_MAX_LENGTH, Cleaner, cell_width, clean, clean_line, json_text, pad, shorten

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@pytest.mark.parametrize(
    ("dirty", "clean_text"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\x", "x"),
        ("\x1b]0;never ended\nnext", "\nnext"),
        ("\x1b(Bx\x1bcx", "xx"),
        ("a\rb\r\nc", "a\nb\nc"),
        ("a\bb\x00c\x7fd\x85e", "abcde"),
        ("a\u202eb\u2066c\u2028d", "abcd"),
        ("a\ud800b", "ab"),
        ("tab\tand\nline stay", "tab\tand\nline stay"),
        ("ä 漢 🙂", "ä 漢 🙂"),
    ],
)
def test_escapes_and_control_characters_go(dirty: str, clean_text: str) -> None:
    assert clean(dirty) == clean_text


@given(st.text())
def test_nothing_a_terminal_obeys_is_left(text: str) -> None:
    for character in clean(text):
        assert character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
    assert not set(clean_line(text)) & set("\n\t\r\x1b")


@given(st.text(), st.integers(1, 40))
def test_what_is_shortened_fits(text: str, width: int) -> None:
    short = shorten(clean_line(text), width)
    assert cell_width(short) <= width
    assert cell_width(pad(short, width)) == width


@pytest.mark.parametrize(
    ("text", "width", "short"), [("abcdef", 6, "abcdef"), ("abcdef", 4, "abc…"), ("漢漢漢", 4, "漢…"), ("ab", 0, "")]
)
def test_shortening_counts_cells(text: str, width: int, short: str) -> None:
    assert shorten(text, width) == short


@given(JSON)
def test_json_keeps_its_value_and_holds_nothing_unsafe(value: object) -> None:
    for text in (json_text(value), json_text(value, indent=2), json_text(value, ascii_only=True)):
        assert json.loads(text) == value
        assert not {unicodedata.category(character) for character in text if character != "\n"} & {"Cc", "Cs", "Zl", "Zp"}
    assert "\n" not in json_text(value)


@given(st.text(st.sampled_from("ab\x1b[31m]0;\x07\n\r")), st.lists(st.integers(0, 40), max_size=6))
def test_a_text_in_parts_is_cleaned_as_a_whole(text: str, cuts: list[int]) -> None:
    cleaner, start, cleaned = Cleaner(), 0, ""
    for cut in sorted(cuts):
        cleaned += cleaner.feed(text[start:cut])
        start = max(start, cut)
    cleaned += cleaner.feed(text[start:]) + cleaner.close()
    whole = clean_lines(text)
    assert cleaned == whole + ("" if not whole or whole.endswith("\n") else "\n")


def clean_lines(text: str) -> str:
    """Return a text whose lines were cleaned one by one."""
    *whole, last = text.split("\n")
    return "".join(clean(line + "\n") for line in whole) + clean(last)


def test_a_line_that_never_ends_is_not_kept_for_ever() -> None:
    cleaner = Cleaner()
    assert cleaner.feed("x" * LINE_MAX_LENGTH) == "x" * LINE_MAX_LENGTH
    assert cleaner.feed("y") == ""
    assert cleaner.close() == "y\n"
    assert cleaner.close() == ""
