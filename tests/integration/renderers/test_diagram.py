"""Diagrams through real children: D2 to SVG, PNG and PDF, and everything that must not get in or out."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from nexusd.renderers.diagram import DIAGRAM
from nexusd.renderers.engines import d2
from nexusd.renderers.engines.drawing import draw as drawing_of
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.children import Ended, render
from tests.integration.renderers.pdf import page_count, unpacked

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
SOURCE = """\
title: |md
  # Hello **bold** and *italic* `code`
| {near: top-center}
web: Web client {shape: person}
api: API {style.shadow: true; style.multiple: true}
db: Orders {
  shape: sql_table
  id: int {constraint: primary_key}
}
cls: MyClass {
  shape: class
  +run(x int): void
}
tex: |latex
  \\frac{a^2 + b^2}{c}
|
code: |go
  func main() {}
|
web -> api: GET /orders {style.animated: true}
api -> db -> cls -> tex -> code
"""
SEQUENCE = "shape: sequence_diagram\nalice -> bob: ask\nbob -> alice: answer\n"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def draw(workdir: Path, source: str, form: str = "svg") -> Ended:
    return render(DIAGRAM, {"source": source, "format": form}, workdir)


def texts(svg: bytes) -> str:
    return " ".join("".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text"))


def test_an_svg_is_one_file_that_holds_all_it_needs(tmp_path: Path) -> None:
    ended = draw(tmp_path, SOURCE)
    assert (ended.code, ended.log) == (0, "")
    assert list(ended.files) == ["diagram.svg"]
    svg = ended.files["diagram.svg"]
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert float(root.attrib["width"]) > 100
    assert all(word in texts(svg) for word in ("bold", "Web client", "Orders", "MyClass", "main"))
    assert svg.count(b"@font-face") >= 4
    assert b"url(http" not in svg
    assert b"<script" not in svg


@pytest.mark.slow
def test_a_png_has_twice_the_size_and_shows_something(tmp_path: Path) -> None:
    svg = ET.fromstring(draw(tmp_path / "svg", SOURCE).files["diagram.svg"])
    ended = draw(tmp_path / "png", SOURCE, "png")
    assert (ended.code, ended.log, list(ended.files)) == (0, "", ["diagram.png"])
    png = ended.files["diagram.png"]
    width, height = struct.unpack(">2I", png[16:24])
    assert abs(width - 2 * float(svg.attrib["width"])) <= 2
    assert abs(height - 2 * float(svg.attrib["height"])) <= 2
    start = png.index(b"IDAT")
    pixels = zlib.decompressobj().decompress(png[start + 4 :])
    assert len(set(pixels)) > 100


@pytest.mark.slow
def test_a_pdf_holds_its_text_in_d2s_own_fonts(tmp_path: Path) -> None:
    """Each font is embedded under the name we gave it: the proof that no text vanished or fell back to another face."""
    ended = draw(tmp_path, SOURCE, "pdf")
    assert (ended.code, ended.log, list(ended.files)) == (0, "", ["diagram.pdf"])
    content = unpacked(ended.files["diagram.pdf"])
    fonts = {font for font in range(6) if f"nexus0x{font}".encode() in content}
    svg = draw(tmp_path / "svg", SOURCE).files["diagram.svg"]
    assert len(fonts) == svg.count(b"@font-face")
    assert b"Libertinus" not in content
    assert page_count(ended.files["diagram.pdf"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    first, second = (draw(tmp_path / name, SEQUENCE, form) for name in ("a", "b"))
    assert first.code == 0
    assert first.files == second.files


@pytest.mark.slow
def test_a_warm_engine_draws_the_same_bytes(tmp_path: Path) -> None:
    cold = drawing_of("d2", SEQUENCE, tmp_path)
    d2.warm()
    assert drawing_of("d2", SEQUENCE, tmp_path) == cold


@pytest.mark.slow
def test_boards_become_pictures_and_the_pages_of_a_pdf(tmp_path: Path) -> None:
    source = "a -> b\na.link: layers.detail\nlayers: {detail: {x -> y}}\nsteps: {1: {c}; 2: {d}}\n"
    names = ["diagram", "diagram_layers.detail", "diagram_steps.1", "diagram_steps.2"]
    svg = draw(tmp_path / "svg", source)
    assert list(svg.files) == [f"{name}.svg" for name in names]
    assert b'href="diagram_layers.detail.svg"' in svg.files["diagram.svg"]
    png = draw(tmp_path / "png", source, "png")
    assert list(png.files) == [f"{name}.png" for name in names]
    assert png.progress[-1]["progress"] == 1.0
    assert page_count(draw(tmp_path / "pdf", source, "pdf").files["diagram.pdf"]) == 4


def test_a_picture_for_another_has_a_narrow_margin_and_its_errors_begin_with_the_place(tmp_path: Path) -> None:
    drawing = drawing_of("d2", "a: {width: 100; height: 80}", tmp_path)
    assert (drawing.width, drawing.height) == (118, 98)
    with pytest.raises(InvalidInput, match=r"^diagram\.d2:1:9: "):
        drawing_of("d2", "a -> b: {", tmp_path)


def test_the_source_can_be_an_asset(tmp_path: Path) -> None:
    ended = render(DIAGRAM, {"source": {"$asset": "a1"}}, tmp_path, {"a1": "\ufeffstart -> ende: Grüße".encode()})
    assert ended.code == 0
    assert "Grüße" in texts(ended.files["diagram.svg"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "a -> b: {\n  x ->\n}\ny: {",
            "diagram.d2:2:3: connection missing destination\ndiagram.d2:4:4: maps must be terminated with }",
        ),
        ("a: {shape: foo}", 'diagram.d2:1:12: unknown shape "foo"'),
        ("", "diagram.d2: the source is empty, there is nothing to draw"),
        (" \n\t", "diagram.d2: the source is empty, there is nothing to draw"),
        ("# only a comment", "diagram.d2: the source holds no shape, there is nothing to draw"),
        ("vars: {d2-config: {layout-engine: nope}}\na", 'diagram.d2: d2-config: D2_LAYOUT "nope" is not bundled'),
        ("a: |md\n <u>x</u>\n|", "diagram.d2: native Markdown SVG does not support HTML element <u>"),
    ],
)
def test_a_wrong_source_is_invalid_input_with_its_place(tmp_path: Path, source: str, message: str) -> None:
    ended = draw(tmp_path, source)
    assert ended.code == 65
    assert ended.log.startswith(message)
    assert str(tmp_path) not in ended.log
    assert "\x1b" not in ended.log
    assert ended.files == {}


def test_a_source_that_is_no_text_is_invalid_input(tmp_path: Path) -> None:
    ended = render(DIAGRAM, {"source": {"$asset": "a1"}}, tmp_path, {"a1": b"a -> b\n\xff\xfe"})
    assert (ended.code, ended.log) == (65, "diagram:2: the source is not UTF-8 text (byte 7)\n")


def test_a_source_above_the_bound_is_invalid_input(tmp_path: Path) -> None:
    ended = render(DIAGRAM, {"source": {"$asset": "a1"}}, tmp_path, {"a1": b"#" * (10 * 1024 * 1024 + 1)})
    assert ended.code == 65
    assert "more than 10,485,760" in ended.log


@pytest.mark.parametrize("quote", ["", '"', "'"])
@pytest.mark.parametrize("form", ["x: @{}", "ok\n...@{}", "x: {{\n  ...@{}\n}}", "classes: @{}", "x: [@{}]"])
def test_an_import_is_refused_wherever_it_leads(tmp_path: Path, form: str, quote: str) -> None:
    (tmp_path / "secret.d2").write_text("secret -> hello")
    source = form.format(f"{quote}{tmp_path}/secret{quote}")
    ended = draw(tmp_path / "work", source)
    assert ended.code == 65
    line = source[: source.index("@")].count("\n") + 1
    assert ended.log.startswith(f"diagram.d2:{line}:")
    assert "imports are not possible" in ended.log


@pytest.mark.parametrize("source", ["a@b -> c@d: x@y.z", "a: |md\n  @ada cc: @bob\n|", 'a: "see: @ada"', "# : @foo\na"])
def test_an_at_sign_that_is_no_import_is_drawn(tmp_path: Path, source: str) -> None:
    assert draw(tmp_path, source).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["svg", "pdf"])
def test_an_icon_cannot_embed_a_file(tmp_path: Path, form: str) -> None:
    secret = tmp_path / "id_rsa"
    secret.write_text("PRIVATE")
    for source in (
        f"a: {{icon: {secret}}}",
        f"a: {{icon: {tmp_path}/nope.png}}",
        f'a: {{shape: image; icon: "file://{secret}"}}',
    ):
        ended = draw(tmp_path / "work", source, form)
        assert ended.code == 65
        assert "a diagram has no files" in ended.log
        assert ended.files == {}
        for left in (tmp_path / "work").rglob("*"):
            left.unlink() if left.is_file() else None


def test_an_icon_may_be_in_the_source(tmp_path: Path) -> None:
    ended = draw(tmp_path, f'a: {{icon: "{PIXEL}"}}')
    assert ended.code == 0
    assert PIXEL.encode() in ended.files["diagram.svg"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
def test_a_remote_icon_is_not_fetched_and_leaves_a_placeholder(
    tmp_path: Path, listener: tuple[str, list[str]], form: str
) -> None:
    address, asked = listener
    ended = draw(tmp_path, f"a: {{icon: {address}/icon.png}}", form)
    assert ended.code == 0
    assert f"the icon {address}/icon.png is remote and was not fetched" in ended.log
    assert asked == []
    if form == "svg":
        assert b"<image" not in ended.files["diagram.svg"]


def test_a_link_that_runs_code_is_taken_out_and_its_text_stays(tmp_path: Path) -> None:
    ended = draw(tmp_path, 'a: Label {link: "javascript:alert(1)"}\nb: {link: "https://example.org/x?a=1&b=2"}')
    assert ended.code == 0
    svg = ended.files["diagram.svg"]
    assert b"javascript" not in svg
    assert "Label" in texts(svg)
    assert b"https://example.org/x?a=1&amp;b=2" in svg
    assert "removed the link to 'javascript:alert(1)'" in ended.log


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_what_could_only_be_hovered_over_is_listed_on_paper(tmp_path: Path, form: str) -> None:
    plain = draw(tmp_path / "plain", "a -> b", form)
    ended = draw(tmp_path / "tip", "a.tooltip: Explained\na.link: https://example.org\na -> b", form)
    assert (ended.code, ended.log) == (0, "")
    assert len(ended.files[f"diagram.{form}"]) > 1.3 * len(plain.files[f"diagram.{form}"])


@pytest.mark.slow
def test_a_png_that_would_be_too_large_is_refused_and_the_svg_is_not(tmp_path: Path) -> None:
    source = "a: {width: 9000; height: 9000}"
    ended = draw(tmp_path / "png", source, "png")
    assert ended.code == 65
    assert "at most 100,000,000 can be painted" in ended.log
    assert draw(tmp_path / "svg", source).code == 0
