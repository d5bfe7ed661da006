"""The SVG cleaner: one rule, one case."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from nexusd.renderers.engines.svg import BoardCleaner
from nexusd.renderers.job import InvalidInput, RendererFailed
from tests.support.svg_attacks import ATTACKS, document

if TYPE_CHECKING:
    from pathlib import Path

PIXEL = "data:image/png;base64,iVBORw0KGgo="
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10">'


def cleaned(tmp_path: Path, body: str, source: str = "") -> str:
    path = tmp_path / "diagram.svg"
    path.write_text(f"{HEAD}{body}</svg>", "utf-8")
    return ET.tostring(BoardCleaner(source, {path: "diagram"}).clean(path), "unicode")


@pytest.mark.parametrize(
    ("body", "gone", "kept"),
    [
        ('<rect onclick="x()" width="3"/>', "onclick", 'width="3"'),
        ('<g ONLOAD="x()"><text>t</text></g>', "ONLOAD", "t</text>"),
        ('<a href="javascript:alert(1)"><text>t</text></a>', "javascript", "t</text>"),
        ('<a xlink:href="JaVaScRiPt:alert(1)"><text>t</text></a>', "aScRiPt", "t</text>"),
        ('<a href=" javascript:alert(1)"><text>t</text></a>', "javascript", "t</text>"),
        ('<a href="data:text/html,x"><text>t</text></a>', "data:", "t</text>"),
        ('<a href="file:///etc/passwd"><text>t</text></a>', "file:", "t</text>"),
        ('<use href="http://x.org/a.svg#b"/>', "http://x.org", "use"),
        ('<style>@import url("http://x.org/a.css"); .a { fill: red }</style>', "x.org", "fill: red"),
        ("<style>.a { background: url(http://x.org/a.png) }</style>", "x.org", ".a {"),
        ('<rect style="fill: url(http://x.org/a.svg#b)"/>', "x.org", "rect"),
        ('<rect fill="url(http://x.org/a.svg#b)"/>', "x.org", "rect"),
        ("<!-- comment --><text>t</text>", "comment", "t</text>"),
        ('<image href="http://x.org/a.png" x="1" y="2" width="30" height="40"/>', "<image", "http://x.org/a.png (not fetched)"),
        ('<image href="//x.org/a.png" x="1" y="2" width="30" height="40"/>', "<image", "(not fetched)"),
    ],
)
def test_what_could_act_or_reach_out_goes_and_the_rest_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, gone: str, kept: str
) -> None:
    result = cleaned(tmp_path, body)
    assert gone not in result
    assert kept in result
    if "comment" not in body:
        assert capsys.readouterr().err.startswith("diagram.d2: ")


@pytest.mark.parametrize(
    "body",
    [
        '<a href="https://example.org/x?y#z"><text>t</text></a>',
        '<a href="mailto:a@b.org"><text>t</text></a>',
        '<use href="#a"/>',
        '<rect fill="url(#gradient)" style="mask: url(#m)"/>',
        '<style>@font-face { font-family: a; src: url("data:application/font-woff;base64,d09GRg=="); }</style>',
        '<text xml:space="preserve">a  b</text>',
    ],
)
def test_what_is_harmless_stays_and_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str) -> None:
    result = cleaned(tmp_path, body)
    for value in ("https://example.org/x?y#z", "mailto:a@b.org", "#a", "url(#gradient)", "url(#m)", "data:application", "a  b"):
        assert (value in body) == (value in result)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["script", "foreignObject", "iframe", "set", "animate", "handler"])
def test_an_element_that_is_no_static_svg_ends_the_render(tmp_path: Path, name: str) -> None:
    with pytest.raises(RendererFailed, match=f"<{name}>"):
        cleaned(tmp_path, f"<g><{name}>x</{name}></g>")


def test_an_element_of_another_language_ends_the_render(tmp_path: Path) -> None:
    with pytest.raises(RendererFailed, match="<g>"):
        cleaned(tmp_path, '<g xmlns="http://www.w3.org/1999/xhtml"/>')


def test_a_document_type_ends_the_render(tmp_path: Path) -> None:
    path = tmp_path / "diagram.svg"
    path.write_text('<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>')
    with pytest.raises(RendererFailed, match="document type"):
        BoardCleaner("", {}).clean(path)


def test_a_picture_stays_when_it_stands_in_the_source(tmp_path: Path) -> None:
    assert PIXEL in cleaned(tmp_path, f'<image href="{PIXEL}"/>', source=f'a: {{icon: "{PIXEL}"}}')


def test_a_picture_of_d2s_own_patterns_stays(tmp_path: Path) -> None:
    assert PIXEL in cleaned(tmp_path, f'<defs><pattern><image href="{PIXEL}"/></pattern></defs>')


@pytest.mark.parametrize("href", [PIXEL, "/etc/passwd", "file:///etc/passwd", "secret.png"])
def test_a_picture_that_d2_took_from_a_file_ends_the_render(tmp_path: Path, href: str) -> None:
    with pytest.raises(InvalidInput, match="a diagram has no files"):
        cleaned(tmp_path, f'<image href="{href}"/>', source="a: {icon: /home/me/.ssh/id_rsa}")


def test_what_calls_itself_a_picture_must_be_one(tmp_path: Path) -> None:
    page = "data:text/html,x"
    with pytest.raises(InvalidInput, match="no picture"):
        cleaned(tmp_path, f'<image href="{page}"/>', source=page)


def test_sizes_do_not_depend_on_the_viewers_font(tmp_path: Path) -> None:
    result = cleaned(tmp_path, '<svg width="7.904ex" height="2ex"/>')
    assert 'width="63.232"' in result
    assert 'height="16.000"' in result
    assert 'font-size="16px"' in result


def test_a_link_to_another_board_leads_to_its_picture(tmp_path: Path) -> None:
    root, other = tmp_path / "index.svg", tmp_path / "layers" / "a b.svg"
    root.write_text(f'{HEAD}<a href="layers/a%20b.svg"><text>t</text></a></svg>')
    tree = BoardCleaner("", {root: "diagram", other: "diagram_layers.a_b"}).clean(root)
    assert tree[0].get("href") == "diagram_layers.a_b.svg"


@pytest.mark.parametrize("target", ["javascript:alert(1)", "1x", "-1", "99"])
def test_a_source_cannot_say_what_a_link_to_a_board_becomes(tmp_path: Path, target: str) -> None:
    result = cleaned(tmp_path, f'<a href="#nexusd-board-{target}"><text>t</text></a>')
    assert f'href="#nexusd-board-{target}"' in result or 'href="diagram.svg"' in result


@pytest.mark.parametrize("body", ATTACKS)
def test_known_attacks_do_nothing_or_end_the_render(tmp_path: Path, body: str) -> None:
    path = tmp_path / "diagram.svg"
    path.write_text(document(body), "utf-8")
    try:
        result = ET.tostring(BoardCleaner("", {path: "diagram"}).clean(path), "unicode")
    except (InvalidInput, RendererFailed):
        return
    shown = re.sub(r'<a [^>]*href="https://x.invalid/kept"|<title>[^<]*\(not fetched\)</title>', "", result)
    assert "x.invalid" not in shown
    assert "hit" not in shown
