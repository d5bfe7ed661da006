"""Mermaid through itself and through real children: kinds, looks, errors, and everything that must not get in or out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from nexusd.domain.caps import Caps
from nexusd.renderers.diagram import DIAGRAM
from nexusd.renderers.engines import mermaid, mermaid_metrics
from nexusd.renderers.engines.drawing import Drawing, Style, draw
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.children import ENVIRONMENT, Ended, render
from tests.integration.renderers.pdf import page_count, unpacked

SVG = "{http://www.w3.org/2000/svg}"
GALLERY = Path(__file__).parents[2] / "gallery" / "diagram"
FLOW = "flowchart LR\n  A[Grüße] -->|über| B{Wahl?}\n  B --> C[(Ende)]\n"
WARM = """
import sys
from pathlib import Path
from nexusd.renderers.engines import mermaid
from nexusd.renderers.engines.drawing import Style
if sys.argv[1] == "warm":
    mermaid.warm()
sys.stdout.write(mermaid.draw(sys.argv[2], Path(), Style()).svg)
"""


def drawn(source: str, **style: object) -> Drawing:
    return draw("mermaid", source, Path("/nonexistent").parent, Style(**style))  # type: ignore[arg-type]


def words(svg: str | bytes) -> str:
    return " ".join(" ".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text"))


def child(workdir: Path, source: str, **options: object) -> Ended:
    return render(DIAGRAM, {"source": source, "language": "mermaid", **options}, workdir)


@pytest.fixture(scope="module")
def flow() -> Drawing:
    """Return a small drawing, made once."""
    return drawn(FLOW)


def test_an_svg_is_text_with_a_size_and_no_html(flow: Drawing) -> None:
    root = ET.fromstring(flow.svg)
    assert {element.tag for element in root.iter() if not element.tag.startswith(SVG)} == set()
    assert all(word in words(flow.svg) for word in ("Grüße", "über", "Wahl?", "Ende"))
    assert (float(root.attrib["width"]), float(root.attrib["height"])) == pytest.approx((flow.width, flow.height), abs=0.01)
    assert root.attrib["font-family"].startswith('"Noto Sans"')


def test_each_line_says_how_wide_it_is_and_that_is_what_the_painters_font_says(flow: Drawing) -> None:
    lines = [element for element in ET.fromstring(flow.svg).iter() if element.get("textLength")]
    found = {"".join(line.itertext()): float(line.attrib["textLength"]) for line in lines}
    assert found["Grüße"] == pytest.approx(mermaid_metrics.width("Grüße", 16, None, "normal", None), abs=0.01)
    assert found["Wahl?"] > 20


def test_a_label_fits_its_box(flow: Drawing) -> None:
    for node in ET.fromstring(flow.svg).iter(f"{SVG}g"):
        rects = [child for child in node if child.tag == f"{SVG}rect" and "label-container" in child.get("class", "")]
        if rects:
            widest = max(float(line.get("textLength", 0)) for line in node.iter())
            assert widest < float(rects[0].attrib["width"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sequence", "mindmap", "journey", "gitgraph", "c4", "radar"])  # the gallery has them all
def test_another_kind_is_drawn_as_text(kind: str) -> None:
    svg = drawn((GALLERY / f"{kind}.mmd").read_text("utf-8")).svg
    assert "foreignObject" not in svg
    assert len(words(svg)) > 20


@pytest.mark.slow
def test_cold_and_warm_give_the_same_bytes() -> None:
    outcomes = [
        subprocess.run([sys.executable, "-I", "-c", WARM, how, FLOW], env=ENVIRONMENT, capture_output=True, check=True).stdout
        for how in ("cold", "warm", "warm")
    ]
    assert len(set(outcomes)) == 1
    assert b"<svg" in outcomes[0]


@pytest.mark.slow
def test_today_and_chance_do_not_matter() -> None:
    source = "gantt\n  dateFormat YYYY-MM-DD\n  section A\n  Task :a, 2025-12-20, 30d\n"
    first, second = drawn(source), mermaid.make(source, Style(), sketch=True)
    assert first == drawn(source)
    assert second == mermaid.make(source, Style(), sketch=True)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_paper_and_pixels_hold_the_text_in_the_font_it_was_measured_in(tmp_path: Path, form: str) -> None:
    ended = child(tmp_path, FLOW, format=form)
    assert (ended.code, ended.log, list(ended.files)) == (0, "", [f"diagram.{form}"])
    if form == "pdf":
        assert page_count(ended.files["diagram.pdf"]) == 1
        assert b"NotoSans" in unpacked(ended.files["diagram.pdf"])
    else:
        assert len(ended.files["diagram.png"]) > 5000


@pytest.mark.slow
def test_themes_and_backgrounds() -> None:
    light, dark, forest = (drawn(FLOW, theme=theme).svg for theme in ("light", "dark", "forest"))
    assert len({light, dark, forest}) == 3
    assert "fill:#ffffff" in light
    assert "fill:#333333" in dark
    assert "nexusd-background" not in drawn(FLOW, background="transparent").svg
    assert "fill:tomato" in drawn(FLOW, background="tomato").svg


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("flowchart TD\n  A --> --> B", "diagram.mmd:2:9: Expecting"),
        ("---\ntitle: x\n---\n%% c\nsequenceDiagram\n  A-x", "diagram.mmd:6:6: Expecting"),
        ('pie\n  "a": 1\n  b: 2', "diagram.mmd:3:3: Lexer error"),
        ("---\ntitle: [\n---\npie", "diagram.mmd:3:1: "),
        ("hello", "diagram.mmd: No diagram type detected"),
    ],
)
def test_a_wrong_source_is_invalid_input_with_its_place(source: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        drawn(source)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("source", ["", " \n", "%% only a comment", "---\ntitle: x\n---\n"])
def test_an_empty_source_is_invalid_input(source: str) -> None:
    with pytest.raises(InvalidInput, match="the source is empty"):
        drawn(source)


def test_a_diagram_above_the_cap_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidInput, match=r"more than 5,000 nodes and edges \(caps.diagram_max_nodes\)"):
        drawn("flowchart TD\n" + "A --> B\n" * 2501)
    with pytest.raises(InvalidInput, match="more than 4 nodes"):
        drawn("flowchart TD; A-->B; B-->C", caps=Caps(diagram_max_nodes=4))


LOOSE = "%%{init: {'securityLevel': 'loose', 'htmlLabels': true, 'flowchart': {'htmlLabels': true}}}%%\n"
HOSTILE = {
    "script in a label": ('flowchart TD\n  A["<script>alert(1)</script>text"] --> B', ("<script",)),
    "handler in a label": ('flowchart TD\n  A["<img src=x onerror=alert(1)>text"] --> B', ("onerror=", "<img")),
    "callback": ("flowchart TD\n  A[text] --> B\n  click A callback", ("onclick",)),
    "call": ('flowchart TD\n  A[text] --> B\n  click A call alert(1) "tip"', ("onclick", "alert(1)")),
    "javascript link": ('flowchart TD\n  A[text] --> B\n  click A "javascript:alert(1)"', ("javascript:",)),
    "loosened": (LOOSE + 'flowchart TD\n  A["<b onclick=alert(1)>text</b>"] --> B', ("foreignObject", "onclick=")),
    "front matter": (
        "---\nconfig:\n  securityLevel: loose\n  htmlLabels: true\n---\nflowchart TD\n  A[text] --> B",
        ("foreignObject",),
    ),
    "style": (
        '%%{init: {"themeCSS": "* {background: url(http://example.org/x)} @import url(http://example.org/y);"}}%%\n'
        "flowchart TD\n  A[text] --> B",
        ("example.org",),
    ),
    "classDef": ("flowchart TD\n  A[text]:::x --> B\n  classDef x fill:url(http://example.org/x)", ("url(http",)),
    "picture": ('flowchart TD\n  A@{ img: "http://example.org/x.png", label: "text", h: 60 } --> B', ('href="http',)),
    "sequence link": (
        "sequenceDiagram\n  participant A as text\n  link A: x @ javascript:alert(1)\n  A->>A: y",
        ("javascript:",),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_what_could_act_or_reach_out_does_not_come_out(name: str) -> None:
    source, gone = HOSTILE[name]
    try:
        svg = drawn(source).svg
    except InvalidInput:
        return
    assert not [text for text in gone if text in svg]
    assert "text" in words(svg)


@pytest.mark.slow
def test_a_link_may_stay() -> None:
    assert 'href="https://example.org/x"' in drawn('flowchart TD\n  A --> B\n  click A "https://example.org/x"').svg


@pytest.mark.slow
def test_a_chain_is_drawn_to_its_end() -> None:
    source = "flowchart LR\n" + "\n".join(f"  n{number} --> n{number + 1}" for number in range(40))
    assert "n40" in words(drawn(source).svg)
