"""What is written on slides: it fits, nothing of it is lost, and it can be read on its ground."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusd.renderers.engines.film_titles import (
    BLACK,
    MARK,
    WHITE,
    WIDTH_MAX,
    contrast,
    draw_titles,
    lines,
    measure,
    pieces,
    placed,
    printable,
    set_titles,
)
from nexusd.renderers.job import InvalidInput

SVG = "{http://www.w3.org/2000/svg}"


def a_slide(title: str = "", subtitle: str = "", caption: str = "", size: float = 0.085) -> dict[str, Any]:
    return {"title": title, "subtitle": subtitle, "caption": caption, "titleSize": size}


def drawn(svg: str) -> list[str]:
    return ["".join(element.itertext()).strip(MARK) for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.slow
@given(st.text(max_size=60))
@settings(deadline=None, max_examples=60)
def test_wrapping_loses_nothing_but_spaces(text: str) -> None:
    wrapped = [line.text for line in lines(text, 30.0, 640)]
    assert "".join("".join(wrapped).split()) == "".join(printable(text.replace("\n", " ")).split())


@pytest.mark.slow
@given(st.text(alphabet="abc mwiß ", max_size=200), st.integers(100, 900))
@settings(deadline=None)
def test_no_line_is_wider_than_it_may_be(text: str, width: int) -> None:
    assert all(measure(line.text, bold=True) * 20 <= width * WIDTH_MAX for line in lines(text, 20.0, width, bold=True))


def test_words_stay_whole_where_they_can() -> None:
    text = "The quick brown fox jumps over the lazy dog and runs away"
    assert [word for line in lines(text, 40.0, 640) for word in line.text.split()] == text.split()
    long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen"
    assert "".join(line.text for line in lines(long, 40.0, 640)) == long


def test_chinese_is_wrapped_between_characters_but_never_before_a_full_stop() -> None:
    assert list(pieces("日本語。です")) == ["日", "本", "語。", "で", "す"]
    assert list(pieces("two words, here")) == ["two ", "words, ", "here"]


@pytest.mark.parametrize("place", ["top", "center", "bottom"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (320, 180), (64, 64)])
def test_all_texts_stay_inside_and_apart(place: str, width: int, height: int) -> None:
    slide = a_slide("A title that is long enough to be wrapped somewhere", "With a subtitle below", "And a caption")
    titles = set_titles(slide, place, width, height)
    spans = sorted((top, top + block.height) for top, block in placed(titles))
    assert spans[0][0] >= 0
    assert spans[-1][1] <= height
    assert all(one[1] <= two[0] for one, two in pairwise(spans))


def test_long_texts_are_made_smaller_and_what_nobody_could_read_is_refused() -> None:
    normal, long = (set_titles(a_slide("word " * count), "center", 640, 360) for count in (3, 60))
    assert long.head.lines[0].size < normal.head.lines[0].size
    assert sum(len(line.text.split()) for line in long.head.lines) == 60
    with pytest.raises(InvalidInput, match="too long to be read"):
        set_titles(a_slide("\n".join("x" * 200)), "center", 640, 360)


def test_a_slide_without_texts_has_no_titles() -> None:
    assert not set_titles(a_slide(), "center", 640, 360)


def test_text_is_escaped_and_what_xml_cannot_hold_is_left_out() -> None:
    titles = set_titles(a_slide('</text><script>&"\x00\x1b\ud800'), "center", 640, 360)
    assert "".join(drawn(draw_titles(titles, ground="#000000"))) == '</text><script>&"'


def test_a_right_to_left_line_begins_at_the_right_and_keeps_its_full_stop_at_the_end() -> None:
    svg = draw_titles(set_titles(a_slide("Left", "שלום עולם."), "bottom", 640, 360), ground=None)
    left, right = ET.fromstring(svg).iter(f"{SVG}text")
    assert (left.get("text-anchor"), right.get("text-anchor")) == ("start", "end")
    assert (right.text or "").endswith(f".{MARK}")
    assert float(right.get("x", "0")) > 320 > float(left.get("x", "0"))


@pytest.mark.parametrize(
    ("ground", "text"), [("#ffffff", BLACK), ("#000000", WHITE), ("#ffd700", BLACK), ("#1d3557", WHITE), ("#ff0000", BLACK)]
)
def test_text_on_a_plain_ground_is_black_or_white_without_a_scrim(ground: str, text: str) -> None:
    assert contrast(ground) == text
    svg = draw_titles(set_titles(a_slide("Title"), "center", 640, 360), ground=ground)
    assert f'fill="{text}"' in svg
    assert "Gradient" not in svg


@pytest.mark.parametrize("place", ["top", "center", "bottom"])
def test_text_on_a_picture_is_white_on_a_scrim_that_reaches_behind_it(place: str) -> None:
    titles = set_titles(a_slide("Title", "Subtitle", "Caption"), place, 640, 360)
    root = ET.fromstring(draw_titles(titles, ground=None))
    shades = [(float(rect.get("y", "")), float(rect.get("height", ""))) for rect in root.iter(f"{SVG}rect")]
    assert len(shades) == (1 if place == "bottom" else 2)
    for element in root.iter(f"{SVG}text"):
        assert element.get("fill") == WHITE
        assert any(top < float(element.get("y", "")) < top + height for top, height in shades)
