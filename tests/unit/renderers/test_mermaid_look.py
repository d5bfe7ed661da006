"""Mermaid's SVG, mended: one rule, one case."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from nexusd.renderers.engines.mermaid_look import FAMILIES, mend, mend_css
from nexusd.renderers.engines.svg import SVG


@pytest.mark.parametrize(
    ("css", "mended"),
    [
        ('#m .a{font-family:"x",y;fill:red;}', "#m .a{fill:red;}"),
        ("#m .a{fill:red;font-family:x}", "#m .a{fill:red;}"),
        ("#m .d{stroke-width:-4;}", "#m .d{}"),
        ('#m [id$="-x"],#m .x{fill:none;}', "#m .x{fill:none;}"),
        ('#m [id$="-x"]{fill:none;}', '#m [id$="-x"]{fill:none;}'),
        (
            "#m .noteLabel .nodeLabel,#m .y{color:#fff;}",
            "#m .noteLabel .nodeLabel,#m .y{color:#fff;}#m .noteLabel text{fill:#fff;}",
        ),
    ],
)
def test_a_stylesheet_means_the_same_to_every_reader(css: str, mended: str) -> None:
    assert mend_css(css) == mended


def test_all_text_is_in_the_family_it_was_measured_in() -> None:
    tree = ET.fromstring(
        f'<svg xmlns="{SVG}"><text font-family="x" style="fill:red;font-family:y">t</text>'
        "<style>a{font-family:z}</style></svg>"
    )
    mend(tree)
    text = ET.tostring(tree, "unicode")
    assert tree.get("font-family") == FAMILIES
    assert text.count("font-family") == 1
    assert "fill:red" in text


def test_labels_in_the_middle_of_a_mind_maps_nodes_are_anchored_there() -> None:
    body = '<g class="label" transform="translate({}, -11)"><text>t</text></g>'
    for kind, place, anchor in (("mindmap", 0, "middle"), ("mindmap", -9, None), ("flowchart-v2", 0, None)):
        tree = ET.fromstring(f'<svg xmlns="{SVG}" aria-roledescription="{kind}">{body.format(place)}</svg>')
        mend(tree)
        assert [text.get("text-anchor") for text in tree.iter(f"{{{SVG}}}text")] == [anchor]


def test_text_on_the_boxes_of_a_journey_has_the_colour_of_text() -> None:
    tree = ET.fromstring(
        f'<svg xmlns="{SVG}" aria-roledescription="journey"><style>#m{{font-size:1px;fill:#123;}}</style>'
        '<text class="task" fill="#fff" style="a:b">t</text><text class="legend">u</text></svg>'
    )
    mend(tree)
    assert [text.get("style") for text in tree.iter(f"{{{SVG}}}text")] == ["a:b;fill:#123", None]


def test_the_texts_in_a_box_of_c4_are_in_its_middle_and_clear_of_its_border() -> None:
    texts = '<text x="20" y="20">kind</text><text x="50" y="40">name</text><text x="50" y="70">described</text>'
    boxes = f'<g class="person-man">{texts}</g><g class="person-man"><text x="1" y="2">alone</text></g>'
    tree = ET.fromstring(f'<svg xmlns="{SVG}" aria-roledescription="c4">{boxes}<g>{texts}</g></svg>')
    mend(tree)
    found = [(text.get("x"), text.get("y"), text.get("text-anchor")) for text in tree.iter(f"{{{SVG}}}text")]
    assert found[:4] == [("50", "20", "middle"), ("50", "40", None), ("50", "62", None), ("1", "2", None)]
    assert found[4:] == [("20", "20", None), ("50", "40", None), ("50", "70", None)]
