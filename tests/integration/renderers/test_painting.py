"""Drawings to pixels: sizes, fonts, bounds."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image

from nexusd.renderers.engines import fonts, glyphs
from nexusd.renderers.engines.drawing import Drawing
from nexusd.renderers.engines.painting import paint, paint_png
from nexusd.renderers.engines.svg_size import to_drawing
from nexusd.renderers.engines.woff import to_truetype
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.children import python

if TYPE_CHECKING:
    from pathlib import Path

NS = 'xmlns="http://www.w3.org/2000/svg"'
RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)
CAP = 1_000_000


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Forget what other tests said and read."""
    glyphs.say_missing.cache_clear()
    glyphs.ranges.cache_clear()


def svg(body: str, size: str = 'width="40" height="20"') -> Drawing:
    return to_drawing(f"<svg {NS} {size}>{body}</svg>", name="a.svg")


def ink(picture: Image.Image) -> int:
    """Return how many pixels are not transparent."""
    return sum(picture.getchannel("A").histogram()[1:])


def font(path: Path, *characters: str, family: str = "Squares") -> Path:
    """Write a font whose characters are all squares."""
    pen = TTGlyphPen(None)
    for number, point in enumerate(((0, 0), (0, 1000), (1000, 1000), (1000, 0))):
        (pen.moveTo if number == 0 else pen.lineTo)(point)
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(character): "square" for character in characters})
    builder.setupGlyf({".notdef": square, "square": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    path.write_bytes(to_truetype(path.read_bytes(), family))  # under a name that every reader finds
    return path


def test_a_drawing_gets_its_size_times_the_scale() -> None:
    drawing = svg('<rect width="20" height="20" fill="red"/>')
    for scale, size in ((1, (40, 20)), (2.5, (100, 50)), (0.1, (4, 2)), (0.001, (1, 1))):
        picture = paint(drawing, scale=scale, pixels_max=CAP)
        assert (picture.mode, picture.size) == ("RGBA", size)
    picture = paint(drawing, pixels_max=CAP)
    assert (picture.getpixel((5, 5)), picture.getpixel((30, 5))) == (RED, (0, 0, 0, 0))
    assert paint(drawing, background="#00f", pixels_max=CAP).getpixel((30, 5)) == BLUE


@pytest.mark.parametrize(
    ("size", "wanted"),
    [('width="1in" height="0.5in"', (96, 48)), ('viewBox="0 0 30 10"', (30, 10)), ('width="50%"', (300, 150))],
)
def test_units_and_shares_are_painted_as_they_are_measured(size: str, wanted: tuple[int, int]) -> None:
    picture = paint(svg('<rect width="100%" height="100%" fill="red"/>', size), pixels_max=CAP)
    assert picture.size == wanted
    assert picture.getpixel((wanted[0] - 1, wanted[1] - 1)) == RED


def test_a_drawing_that_names_inches_can_be_painted() -> None:
    drawing = Drawing(f'<svg {NS} width="1in" height="1in"><rect width="1in" height="1in" fill="red"/></svg>', 96, 96)
    assert paint(drawing, pixels_max=CAP).getpixel((95, 95)) == RED


def test_the_cap_on_pixels_holds_before_anything_is_painted() -> None:
    with pytest.raises(InvalidInput, match=r"100,000 x 100,000 pixels; at most 1,000,000 can .*caps.picture_max_pixels"):
        paint(svg("", 'width="100000" height="100000"'), pixels_max=CAP)
    with pytest.raises(InvalidInput, match="80 x 40 pixels"):
        paint(svg(""), scale=2, pixels_max=3199)
    assert paint(svg(""), scale=2, pixels_max=3200).size == (80, 40)


def test_the_pictures_in_a_drawing_count_before_they_are_decoded() -> None:
    content = io.BytesIO()
    Image.new("1", (2_000, 2_000)).save(content, "PNG")
    inner = f'<image href="data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}" width="9" height="9"/>'
    nested = base64.b64encode(f"<svg {NS}>{inner}</svg>".encode()).decode()
    for body in (inner, f'<image href="data:image/svg+xml;base64,{nested}" width="9" height="9"/>'):
        with pytest.raises(InvalidInput, match="the pictures in the drawing have more than 1,000,000 pixels"):
            paint(svg(body), pixels_max=CAP)
        assert ink(paint(svg(body), pixels_max=4_000_000)) > 50


def test_a_picture_that_is_none_is_not_shown() -> None:
    assert ink(paint(svg('<image href="data:image/png;base64,AAAA" width="9" height="9"/>'), pixels_max=CAP)) == 0


@pytest.mark.parametrize("family", ["", "Arial", "monospace", "serif", "fantasy", "No Such Font, cursive", "DejaVu Sans Mono"])
def test_text_is_drawn_whatever_font_it_asks_for(family: str) -> None:
    written = paint(svg(f'<text x="2" y="15" font-family="{family}">Wörter</text>'), pixels_max=CAP)
    assert ink(written) > 60


def test_text_of_our_fonts_looks_the_same_with_and_without_fonts_on_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = svg('<text x="2" y="15">Größe Ελλ Жук → ✓</text>', 'width="200" height="20"')
    before = paint_png(drawing, pixels_max=CAP)
    empty = tmp_path / "fonts.conf"
    empty.write_text("<fontconfig/>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(empty))
    monkeypatch.setattr(glyphs, "FOLDERS", ())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paint_png(drawing, pixels_max=CAP) == before
    assert capsys.readouterr().err == ""


def test_a_character_that_ours_lack_comes_from_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    font(tmp_path / "a" / "other.ttf", "x")
    font(tmp_path / "a" / "squares.ttf", "日", "本")
    (tmp_path / "a" / "broken.ttf").write_bytes(b"\0\1\0\0 not a font")
    monkeypatch.setattr(glyphs, "FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("HOME", str(tmp_path))
    picture = paint(svg('<text y="20" font-size="20">日本</text>'), pixels_max=CAP)
    assert ink(picture) == 40 * 20
    assert capsys.readouterr().err == ""


def test_a_character_that_no_font_has_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(glyphs, "FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("HOME", str(tmp_path))
    drawing = svg('<title>\u672c</title><text y="15">a&#x65e5;\ufe0f\u200d</text>')
    for _ in range(2):
        paint(drawing, pixels_max=CAP)
    assert capsys.readouterr().err == "no font on this machine can draw: 日 (install one, Debian's fonts-noto say)\n"


def test_fonts_in_the_drawing_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = base64.b64encode(font(tmp_path / "squares.ttf", "a", family="Whatever").read_bytes()).decode()
    face = f'@font-face {{ font-family: "d2-1-font"; src: url("data:font/ttf;base64,{content}"); }}'
    broken = '@font-face { font-family: b; src: url("data:font/ttf;base64,AAAA"); }'
    body = f'<style>{face} {broken} text {{ font-family: "d2-1-font" }}</style><text y="20" font-size="20">aa</text>'
    assert ink(paint(svg(body), pixels_max=CAP)) == 40 * 20
    assert capsys.readouterr().err == "the font 'b' of the drawing cannot be read; another stands for it\n"


def test_nothing_outside_of_the_drawing_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    body = (
        f'<image href="{tmp_path}/a.png" width="40" height="20"/><image href="file://{tmp_path}/a.png" width="40" height="20"/>'
    )
    assert ink(paint(svg(body), pixels_max=CAP)) == 0


def test_what_is_no_drawing_is_refused() -> None:
    for text in ("", "<svg", f"<svg {NS}><text>é</svg>"):
        with pytest.raises(InvalidInput, match=r"cannot be painted|no SVG"):
            paint(Drawing(text, 10, 10), pixels_max=CAP)


@pytest.mark.slow
def test_the_same_drawing_gives_the_same_bytes_in_every_process() -> None:
    code = (
        "import hashlib\nfrom nexusd.renderers.engines.painting import paint_png, warm\n"
        "from nexusd.renderers.engines.drawing import Drawing\n{}\n"
        f'svg = \'<svg {NS} width="90" height="30"><text y="20">Hällo → 日</text></svg>\'\n'
        "print(hashlib.sha256(paint_png(Drawing(svg, 90, 30), pixels_max=9999)).hexdigest())"
    )
    assert python(code.format("")) == python(code.format("warm()"))


def test_our_fonts_are_known_to_the_last_character() -> None:
    face = fonts.face()
    covered = glyphs.ranges(face)
    assert glyphs.without(frozenset("aßЖΩ"), covered) == frozenset()
    assert glyphs.without(frozenset("日→"), covered) == frozenset("日→")
    assert glyphs.missing_characters("aßЖΩ→✓日\n\u200d", fonts.files()) == frozenset("日")
