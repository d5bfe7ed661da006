"""The size of a drawing, as its root says it."""

from __future__ import annotations

import pytest

from nexusd.renderers.engines.svg_size import to_drawing
from nexusd.renderers.job import InvalidInput


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="10" height="20"', (10, 20)),
        ('width="10px" height="2e1"', (10, 20)),
        ("width='1in' height='2.54cm'", (96, 96)),
        ('width="72pt" height="6pc"', (96, 96)),
        ('width="25.4mm" height="101.6Q"', (96, 96)),
        ('width="2em" height="4ex"', (32, 32)),
        ('viewBox="0 0 30 40"', (30, 40)),
        ('viewBox="0,0,30,40" width="60"', (60, 80)),
        ('viewBox="0 0 30 40" height="20"', (15, 20)),
        ('viewBox="-5 -5 30 40" width="100%" height="50%"', (30, 20)),
        ('viewBox="0 0 30 40" width="auto" height=""', (30, 40)),
        ('width="100%"', (300, 150)),
        ("", (300, 150)),
        ('viewBox="0 0 0 40"', (300, 150)),
        ('viewBox="junk" height="30"', (300, 30)),
    ],
)
def test_sizes_are_read_as_a_browser_does(attributes: str, size: tuple[float, float]) -> None:
    drawing = to_drawing(f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}><rect width="1"/></svg>', name="a.svg")
    assert (drawing.width, drawing.height) == pytest.approx(size)
    again = to_drawing(drawing.svg, name="a.svg")
    assert (again.width, again.height) == pytest.approx(size)
    assert drawing.svg.count('width="') == 2
    assert '<rect width="1"/>' in drawing.svg


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ('width="0" height="3"', "a width of 0 pixels cannot be drawn"),
        ('width="3" height="-3"', "a height of -3 pixels"),
        ('width="1e300" height="3"', "a width of 1e[+]300 pixels cannot be drawn; at most 1,000,000 can"),
        ('width="1e999" height="3"', "the width '1e999' is too large"),
        ('width="3 apples" height="3"', "the width '3 apples' is no length"),
        ('width="3" height="3furlong"', "the height '3furlong' has an unknown unit"),
    ],
)
def test_sizes_that_cannot_be_drawn_are_refused(attributes: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^a.svg: {message}"):
        to_drawing(f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}/>', name="a.svg")


def test_what_has_no_root_is_no_drawing() -> None:
    with pytest.raises(InvalidInput, match="no <svg> element"):
        to_drawing("<html/>", name="a.svg")
