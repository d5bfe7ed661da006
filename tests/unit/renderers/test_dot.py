"""Graphviz's messages, the widths of texts, and what its SVG is changed into."""

from __future__ import annotations

import signal
from xml.etree import ElementTree as ET

import pytest

from nexusd.renderers.engines import dot
from nexusd.renderers.engines.dot_program import failure, file_message, warnings
from nexusd.renderers.engines.svg import SVG
from nexusd.renderers.job import InvalidInput, RendererFailed

SOURCE = "digraph {\n  a -> ;\n  b [label=<<b>x>]\n}\n"


@pytest.mark.parametrize(
    ("said", "status", "kind", "message"),
    [
        ("Error: <stdin>: syntax error in line 2 near ';'", 1, InvalidInput, "diagram.dot:2:8: syntax error near ';'"),
        ("Error: <stdin>: syntax error in line 4", 1, InvalidInput, "diagram.dot:4:2: syntax error"),
        (
            "Error: mismatched tag in line 1 \n... <b>x ...\nin label of node b",
            1,
            InvalidInput,
            "diagram.dot:3:13: HTML label of node b: mismatched tag",
        ),
        ("Error: Layout was not done", 1, InvalidInput, "diagram.dot: Layout was not done"),
        ("memory allocation of 99 bytes failed", -signal.SIGABRT, MemoryError, ""),
        ("", -signal.SIGKILL, MemoryError, ""),
        ("thread 'main' has overflowed its stack: stack overflow", -signal.SIGABRT, InvalidInput, "diagram.dot: the graph is"),
        ("thread 'main' panicked", 101, RendererFailed, "thread 'main' panicked"),
        ("", 3, RendererFailed, "Graphviz ended with status 3"),
    ],
)
def test_whose_fault_it_is_and_where(said: str, status: int, kind: type[Exception], message: str) -> None:
    error = failure(said, status, SOURCE)
    assert type(error) is kind
    assert str(error).startswith(message)


def test_a_file_is_refused_at_its_place() -> None:
    assert file_message('digraph {\n a [image="/x.png"] }', "/x.png").startswith("diagram.dot:2:12: '/x.png' names a file")
    assert file_message("digraph {}", "/x.png").startswith("diagram.dot: '/x.png' names a file")


def test_warnings_are_told_once_and_those_about_fonts_never() -> None:
    said = "Warning: using box for unknown shape x\nWarning: Warning: no hard-coded metrics for 'X'.\n" * 2
    assert warnings(said) == ["using box for unknown shape x"]


def test_each_text_is_as_wide_as_it_was_laid_out_in_faces_that_are_like_it() -> None:
    tree = ET.fromstring(
        f'<svg xmlns="{SVG}"><text x="1.00" y="-2.5" font-family="Times,serif">one</text>'
        '<text x="3" y="4" font-family="Courier">two</text><text x="5" y="6"> </text></svg>'
    )
    draws = [{"op": "F"}, {"op": "T", "pt": [1, 2.5], "width": 30.5, "text": "one"}]
    dot.pin_texts(tree, dot.text_widths({"objects": [{"_ldraw_": draws}], "edges": [{}], "name": "G"}))
    one, two, space = tree
    assert (one.get("textLength"), one.get("lengthAdjust")) == ("30.5", "spacingAndGlyphs")
    assert "'Libertinus Serif'" in one.attrib["font-family"]
    assert two.get("textLength") is None
    assert "'DejaVu Sans Mono'" in two.attrib["font-family"]
    assert "'Noto Sans'" in space.attrib["font-family"]


@pytest.mark.parametrize(("colour", "bright"), [("#ffffff", True), ("#102030", False), ("lightyellow", True), ("navy", False)])
def test_light_text_cannot_be_read_on_bright_colours(colour: str, bright: bool) -> None:
    assert dot.is_bright(colour) is bright


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("", "holds no graph"),
        ('{"objects": []}', "holds no node"),
        ('{"objects": [{"name": "cluster_a", "nodes": []}]}', "holds no node"),
        ('{"objects": [{}]}\n{"objects": [{}]}', "holds several graphs"),
        ('{"objects": [{}, {}], "edges": [{}, {}]}', "more than 3 nodes and edges (caps.diagram_max_nodes)"),
    ],
)
def test_what_cannot_be_one_diagram_is_refused(description: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        dot.read_graph(description, 3)
    assert message in str(refused.value)
