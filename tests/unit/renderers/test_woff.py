"""WOFF to TrueType, with fontTools as the judge."""

from __future__ import annotations

import io

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from nexusd.renderers.engines.woff import to_truetype
from nexusd.renderers.job import RendererFailed


def a_font(flavor: str | None = "woff") -> bytes:
    pen = TTGlyphPen(None)
    for number, point in enumerate([(0, 0), (500, 0), (500, 700)]):
        (pen.lineTo if number else pen.moveTo)(point)
    pen.closePath()
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({65: "A"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "A": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "A": (600, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Source Sans Pro", "styleName": "Bold"})
    builder.setupOS2(usWeightClass=700, fsSelection=0x20)
    builder.setupPost()
    builder.font["head"].macStyle = 1
    builder.font.flavor = flavor
    file = io.BytesIO()
    builder.save(file)
    return file.getvalue()


@pytest.mark.parametrize("flavor", ["woff", None])
def test_the_font_is_the_same_under_another_name(flavor: str | None) -> None:
    font = TTFont(io.BytesIO(to_truetype(a_font(flavor), "nexus0x1")), checkChecksums=2)
    assert font.flavor is None
    assert [font["name"].getDebugName(number) for number in (1, 2)] == ["nexus0x1", "Regular"]
    assert (font["OS/2"].usWeightClass, font["OS/2"].fsSelection, font["head"].macStyle) == (400, 0x40, 0)
    assert font.getBestCmap() == {65: "A"}
    assert font["hmtx"]["A"] == (600, 0)
    assert font["glyf"]["A"].numberOfContours == 1


@pytest.mark.parametrize("content", [b"", b"nonsense" * 20, a_font()[:200], a_font(None)[:60]])
def test_what_is_no_font_is_a_failure_with_a_message(content: bytes) -> None:
    with pytest.raises(RendererFailed, match="cannot be read"):
        to_truetype(content, "x")
