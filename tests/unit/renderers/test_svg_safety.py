"""What makes any SVG safe: one rule, one case; known attacks; and drawings made up at random."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexusd.renderers.engines import svg_bounds, svg_safety
from nexusd.renderers.engines.svg_safety import ELEMENTS, make_safe
from nexusd.renderers.job import InvalidInput
from tests.support.svg_attacks import ATTACKS, HEAD, document

PIXEL = "data:image/png;base64,iVBORw0KGgo="
SVG = "{http://www.w3.org/2000/svg}"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"


def clean(body: str) -> str:
    return make_safe(document(body), name="a.svg")


def names_nothing(name: str) -> bool:
    """Whether no viewer takes what stands in an attribute for an address or a script: names, geometry, data."""
    geometry = ("d", "points", "transform", "gradientTransform", "patternTransform")
    return name in ("id", "class", *geometry) or name.startswith(("data-", "aria-"))


def assert_safe(svg: str) -> None:
    """Look at a drawing with other eyes: every element, attribute and reference in it must be harmless."""
    for element in ET.fromstring(svg).iter():
        assert element.tag.removeprefix(SVG) in ELEMENTS
        for name, value in element.attrib.items():
            assert not name.rpartition("}")[2].lower().startswith("on")
            assert "script:" not in re.sub(r"\s", "", value).lower() or names_nothing(name)
            if name in ("href", XLINK_HREF):
                allowed = (
                    r"#|https?://|mailto:" if element.tag == f"{SVG}a" else r"#|data:image/(png|jpeg|gif|webp|svg\+xml;base64,)"
                )
                assert re.match(allowed, value, re.IGNORECASE)
        css = (element.text or "") if element.tag == f"{SVG}style" else ""
        for text in (css, *(value for name, value in element.attrib.items() if not names_nothing(name))):
            assert not re.search(r"url\(\s*[\"']?(?!#|data:(image|font|application)/)", text, re.IGNORECASE)
            assert not re.search(r"image-set\(|expression\(", text, re.IGNORECASE)
        assert not re.search("@(import|namespace|document)", css, re.IGNORECASE)


@pytest.mark.parametrize("body", ATTACKS)
def test_known_attacks_do_nothing(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    safe = clean(body)
    assert_safe(safe)
    assert "x.invalid" not in re.sub(r'<a [^>]*href="https://x.invalid/kept"', "", safe)
    assert "hit" not in safe
    assert capsys.readouterr().err.startswith("a.svg: ")


@pytest.mark.parametrize(
    "body",
    [
        '<a href="https://example.org/x?y&amp;z#w" target="_blank"><text>t</text></a>',
        '<a xlink:href="mailto:a@b.org?subject=two words"><text>t</text></a>',
        '<a href="#part"><text>t</text></a>',
        '<use href="#a"/><use xlink:href="#a"/>',
        '<rect id="r" fill="url(#gradient)" style="mask: url(#m)" transform="rotate(3) scale(2)"/>',
        f'<image href="{PIXEL}" width="1" height="1"/>',
        '<style>@font-face { font-family: a; src: url("data:application/font-woff;base64,d09GRg=="); }</style>',
        "<style>@media (prefers-color-scheme: dark) { .a:not(.b) &gt; c { fill: rgb(1, 2, 3) } }</style>",
        '<text xml:space="preserve" xml:lang="de">a  b &amp; c &lt; d</text>',
        '<animate attributeName="x" values="1;2" dur="1s"/><set attributeName="fill" to="red"/>',
        "<title>On x</title><desc>onload= javascript:</desc>",
        '<rect data-note="url(http://x)" aria-label="javascript:" class="url(x)"/>',
    ],
)
def test_what_is_harmless_stays_as_it_is_and_nothing_is_said(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    safe = clean(body)
    meant = ET.fromstring(document(body))
    for link in meant.iter(f"{SVG}a"):
        link.set("rel", "noopener noreferrer")
    wanted = ET.canonicalize(ET.tostring(meant, "unicode"), rewrite_prefixes=True)
    assert ET.canonicalize(safe.strip(), rewrite_prefixes=True) == wanted
    assert capsys.readouterr().err == ""


def test_each_thing_that_went_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    clean('<rect onclick="a"/><rect onclick="b"/><script>1</script><script>2</script><image href="/etc/passwd"/>')
    assert capsys.readouterr().err.splitlines() == [
        "a.svg: removed the attribute onclick",
        "a.svg: removed <script>: a picture runs nothing",
        "a.svg: removed the reference to '/etc/passwd': nothing outside of the file is shown",
    ]


def test_the_log_stays_short_and_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    clean("".join(f'<use href="http://x.invalid/{number}&#10;forged"/>' for number in range(500)))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == svg_safety.REPORTS_MAX + 1
    assert all(line.startswith("a.svg: removed") for line in lines)


def test_a_picture_in_svg_is_made_safe_too() -> None:
    inner = base64.b64encode(document("<script>hit</script><rect width='3'/>").encode()).decode()
    for uri in (
        f"data:image/svg+xml;base64,{inner}",
        "data:image/svg+xml;utf8," + document("<rect/>").replace("#", "%23").replace('"', "'"),
    ):
        safe = clean(f'<image href="{uri.replace("<", "&lt;")}"/>')
        found = re.search(r"data:image/svg\+xml;base64,([^\"]+)", safe)
        assert found is not None
        assert_safe(base64.b64decode(found[1]).decode())
        assert "rect" in base64.b64decode(found[1]).decode()


def test_pictures_in_pictures_end_somewhere() -> None:
    body = "<rect/>"
    for _ in range(6):
        body = f'<image href="data:image/svg+xml;base64,{base64.b64encode(document(body).encode()).decode()}"/>'
    with pytest.raises(InvalidInput, match="pictures in pictures more than 3 deep"):
        clean(body)


@pytest.mark.parametrize(
    ("svg", "place", "message"),
    [
        ("", "1:1", "no element found"),
        ("hello", "1:1", "syntax error"),
        ("<svg", "1:1", "unclosed token"),
        (f"{HEAD}\n<g>\n  </h></svg>", "3:5", "mismatched tag"),
        (f"\n\n  {HEAD}<g></svg>", "3:", "mismatched tag"),
        ("<html xmlns='http://www.w3.org/1999/xhtml'/>", "1:1", "the outermost element is <html>"),
        ("<svg xmlns='http://example.org/'/>", "1:1", "the outermost element is <svg>"),
        (f"{HEAD}<y:a/></svg>", "1:", "unbound prefix"),
        (f"{HEAD}&nbsp;</svg>", "1:", "undefined entity"),
        (f"<!DOCTYPE svg PUBLIC 'a' 'http://x.invalid/b.dtd'>{HEAD}&nbsp;</svg>", "1:", "the entity nbsp is not known"),
        (f"<!DOCTYPE svg [<!ENTITY a 'b'>]>{HEAD}&a;</svg>", "1:", "a document type that declares something"),
        (f"<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{HEAD}&a;</svg>", "1:", "declares something"),
        (f"<!DOCTYPE svg [<!ENTITY % a SYSTEM 'http://x.invalid/'> %a;]>{HEAD}</svg>", "1:", "declares something"),
        (f"{HEAD}\ud800</svg>", "1:", "half of a surrogate pair"),
        (HEAD + "<g>" * 300 + "</g>" * 300 + "</svg>", "1:", "nested more than 256 deep"),
    ],
)
def test_what_is_no_svg_is_refused_with_its_place(svg: str, place: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^a.svg:{place}.*{message}"):
        make_safe(svg, name="a.svg")


def test_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg_safety, "ELEMENTS_MAX", 10)
    assert clean("<g/>" * 9)
    with pytest.raises(InvalidInput, match="more than 10 elements"):
        clean("<g/>" * 10)
    with pytest.raises(InvalidInput, match="more than 10 elements"):
        clean("<script>" * 10 + "</script>" * 10)


@pytest.mark.parametrize("copy", ['<use href="#a{}"/>', '<use xlink:href="#%61{}"/>', '<rect fill="url(#a{})"/>'])
def test_few_lines_that_stand_for_billions_of_shapes_are_refused(copy: str) -> None:
    levels = "".join(f'<g id="a{level}">{copy.format(level - 1) * 10}</g>' for level in range(1, 12))
    with pytest.raises(InvalidInput, match=f"more than {svg_bounds.INSTANCES_MAX:,} elements"):
        clean(f'<g id="a0"><rect/></g>{levels}')


@pytest.mark.parametrize(
    "body",
    [
        '<g id="a"><use href="#a"/></g>',
        '<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>',
        '<pattern id="a"><rect fill="url(#a)"/></pattern>',
    ],
)
def test_what_refers_to_itself_is_refused(body: str) -> None:
    with pytest.raises(InvalidInput, match=r"the element with the id '[ab]' refers to itself"):
        clean(body)


def test_copies_within_reason_stay() -> None:
    copies = '<g id="a"><rect/></g>' + '<use href="#a"/>' * 1_000
    assert clean(copies).count("<use") == 1_000


def test_the_usual_document_type_goes_and_nothing_is_fetched() -> None:
    public = '"-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"'
    text = f'\ufeff<?xml version="1.0" encoding="iso-8859-1"?>\n<!DOCTYPE svg PUBLIC {public}>\n{document("<text>é</text>")}'
    safe = make_safe(text, name="a.svg")
    assert safe.startswith("<svg xmlns=")
    assert "é" in safe


def test_a_drawing_without_a_namespace_is_taken_for_svg() -> None:
    assert (
        make_safe("<svg width='3'><rect/><script/></svg>", name="a.svg")
        == f'<svg xmlns="{SVG[1:-1]}" width="3"><rect/></svg>\n'
    )


NAMES = st.sampled_from(
    [
        "g",
        "a",
        "use",
        "image",
        "style",
        "script",
        "foreignObject",
        "animate",
        "set",
        "title",
        "text",
        "rect",
        "linearGradient",
        "svg",
        "x:y",
        "metadata",
        "iframe",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        (
            "javascript:hit()",
            " java\tscript:hit()",
            "#a",
            "url(#a)",
            "url(http://x.invalid/)",
            "u\\72l(//x.invalid)",
            PIXEL,
            "data:image/svg+xml,<svg onload='hit()'/>",
            "data:text/html,hit",
            "https://example.org/",
            "@import 'x.invalid'",
            "href",
        )
    ),
    st.text(max_size=12),
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [
            "href",
            "xlink:href",
            "onload",
            "ONCLICK",
            "style",
            "fill",
            "id",
            "class",
            "attributeName",
            "to",
            "values",
            "src",
            "ping",
            "xml:base",
            "d",
        ]
    ),
    VALUES,
    max_size=4,
)


def element(name: str, attributes: dict[str, str], inside: list[str]) -> str:
    given_ = "".join(f" {key}={quoted(value)}" for key, value in attributes.items())
    return f"<{name}{given_}>{''.join(inside)}</{name}>"


def quoted(value: str) -> str:
    kept = "".join(sign for sign in value if sign.isprintable() or sign in "\t\n")
    return '"' + kept.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("\n", "&#10;") + '"'


CONTENT = st.recursive(
    VALUES.map(lambda text: quoted(text)[1:-1]),
    lambda inside: st.builds(element, NAMES, ATTRIBUTES, st.lists(inside, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CONTENT, max_size=4))
def test_whatever_is_drawn_comes_out_safe_and_once_is_enough(parts: list[str]) -> None:
    try:
        safe = make_safe(document("".join(parts)), name="a.svg")
    except InvalidInput:
        return
    assert_safe(safe)
    assert make_safe(safe, name="a.svg") == safe


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="<>/=\"'& gsvuseahrefxlink:[]!-?#;()", max_size=80))
def test_whatever_is_written_is_a_drawing_or_refused(text: str) -> None:
    for svg in (text, document(text)):
        try:
            assert_safe(make_safe(svg, name="a.svg"))
        except InvalidInput as error:
            assert str(error).startswith("a.svg:")  # noqa: PT017 - either is right
