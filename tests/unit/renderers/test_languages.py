"""The language of a diagram, told by its text: what stands in front, first words, and what only looks alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.renderers.languages import HEAD_MAX_LENGTH, KINDS, infer_language

if TYPE_CHECKING:
    from nexusd.renderers.languages import DiagramLanguage


@pytest.mark.parametrize(
    "text",
    [
        "digraph { a -> b }",
        "graph { a -- b }",
        "strict digraph G { a }",
        "STRICT GRAPH x{a}",
        "digraph{a}",
        'digraph "my graph" {\n a }',
        "digraph größe { a }",
        "digraph 3.5 { a }",
        "digraph\n\n{ a }",
        "// a comment\ndigraph { a }",
        "/* two\nlines */ graph g { a }",
        "# preprocessed\ndigraph { a }",
        "\ufeff  digraph { a }",
        "digraph g // here it begins\n{ a }",
        "digraph <b> { a }",
        "/* a *//* b */\r\n# c\r\n// d\r\ndigraph {}",
        "graph TB { a -- b }",  # a graph named TB, since a brace follows
    ],
)
def test_dot_is_a_graph_and_a_brace(text: str) -> None:
    assert infer_language(text) == "dot"


@pytest.mark.parametrize(
    "text",
    [
        "flowchart TD\n A --> B",
        "flowchart LR; A --> B",
        "graph TD\n A --> B",
        "graph LR; A-->B",
        "graph\n A --> B",
        "graph TD;A-->B",
        "sequenceDiagram\n A->>B: hi",
        "pie showData\n",
        'pie title Pets\n "a": 1',
        "---\ntitle: A title\n---\nflowchart TD\n A",
        "---\nconfig:\n  theme: dark\n---\n\nerDiagram\n A",
        "%% only a comment\ngantt\n title x",
        "%%{init: {'theme':'dark'}}%%\nmindmap\n root",
        "%%{\n init: {}\n}%%\n%% and\ntimeline\n title",
        "\n\n  stateDiagram-v2\n [*] --> A",
        "\ufeffgitGraph\n commit",
        "gitGraph:\n commit",
        "gitGraph LR:\n commit",
        "quadrantChart\r\n title x",
        "C4Context\n title x",
        "xychart-beta horizontal\n bar [1]",
        "---\ntitle: x\n---\n",
        "%% nothing else",
        "classDiagram\n A <|-- B",
        "block-beta\n columns 3",
        "journey\n title x",
    ],
)
def test_mermaid_names_its_kind_first(text: str) -> None:
    assert infer_language(text) == "mermaid"


@pytest.mark.parametrize(
    "text",
    [
        "a -> b",
        "# a comment\na -> b: text",
        "direction: right\na",
        "shape: sequence_diagram\na -> b",
        "graph -> digraph",
        "graph: The graph {shape: circle}",
        "pie -> oven",
        "pie: Apple pie",
        "block.inner -> packet",
        "info <- journey",
        "journey { a }",
        "timeline -- mindmap",
        "digraph",
        "x: |md\n  # digraph {\n|",
        "...@file",
        "Größe -> Länge",
        "flowcharts -> x",
        "# only a comment",
    ],
)
def test_what_else_draws_is_d2(text: str) -> None:
    assert infer_language(text) == "d2"


@pytest.mark.parametrize("text", ["", " \n\t", "\ufeff", "// nothing"])
def test_nothing_has_no_language(text: str) -> None:
    assert infer_language(text) is None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_mermaid_is_known(kind: str) -> None:
    assert infer_language(f"{kind}\n  a") == "mermaid"


@given(st.text(alphabet='digraph {}-/*#%"<>;:\n\\x', max_size=200))
def test_any_text_is_answered(text: str) -> None:
    assert infer_language(text) in (None, "d2", "dot", "mermaid")


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("/*", "d2"),
        ("%%{", "mermaid"),
        ("---\n", "mermaid"),
        ("digraph ", "d2"),
        ("graph\n", "mermaid"),
        ('digraph "', "d2"),
        (" \n", None),
    ],
)
def test_a_long_text_takes_no_longer_than_its_beginning(piece: str, expected: DiagramLanguage | None) -> None:
    assert infer_language(piece * (2 * HEAD_MAX_LENGTH)) == expected
