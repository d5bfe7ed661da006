"""What is counted in a DOT source before Graphviz reads it: never more than it would find."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from nexusd.renderers.engines.dot_source import DEPTH_MAX, look_at
from nexusd.renderers.tools import find_graphviz

COUNTS = {
    "digraph { a }": 1,
    "digraph G { a -> b -> c }": 5,
    'digraph { a -> "a"; "a\\"b" }': 3,
    "digraph { rankdir=LR; node [shape=box, label=\"x -> y\"]; edge [a=b] graph [c=d] a [e=\"]\"] }": 1,
    "graph { a -- {b c d} }": 7,
    "digraph { {a b c} -> {d e f} -> {g h} }": 8 + 9 + 6,
    "digraph { subgraph x { a b } c; subgraph x {} -> c }": 3 + 2,
    "digraph { subgraph x { a b } subgraph x { c } -> d }": 4 + 3,
    "digraph { subgraph x { a b } subgraph y { subgraph x {} -> c } }": 3,
    "digraph { {a {b {c}}} -> d }": 4 + 3,
    "strict digraph { {a b c d} -> {e f g h}; {a b c d} -> {e f g h} }": 8 + 8,
    "digraph { a:p -> b:q:n }": 3,
    "digraph { a [label=<<b>x -&gt; {</b><!-- c -->>]; <h> -> b }": 4,
    "digraph { // b -> c\n /* d -> e */ a\n# f -> g\n }": 1,
    "digraph { -1.5 -> .5; \u00e9t\u00e9 -> a_1 }": 6,
    'digraph { "a" + "b" -> c }': 3,
    "": 0,
    "digraph {": 0,
    'digraph { "a': 1,
    "digraph { <a": 1,
    "}}} [ ] = -> subgraph": 0,
    "digraph { subgraph": 0,
    "digraph { a = ": 0,
}  # fmt: skip


@pytest.mark.parametrize("source", COUNTS)
def test_nodes_and_edges_are_counted(source: str) -> None:
    assert look_at(source, 10**6).parts == COUNTS[source]


@pytest.mark.slow
def test_graphviz_finds_no_less() -> None:
    program = find_graphviz()
    assert program is not None
    for source, count in COUNTS.items():
        if not source.rstrip().endswith("}"):
            continue
        done = subprocess.run([program, "-Tdot_json"], input=source.encode(), capture_output=True, check=False)
        assert done.returncode == 0, (source, done.stderr)
        graph = json.loads(done.stdout, strict=False)
        nodes = [thing for thing in graph["objects"] if "nodes" not in thing and "subgraphs" not in thing]
        assert count <= len(nodes) + len(graph.get("edges", ())), source


@pytest.mark.parametrize(
    ("source", "second"),
    [
        ("digraph { a } digraph { b }", 14),
        ("digraph { a }\n// x\nstrict graph { b }", 19),
        ("digraph { a }  # { }", None),
        ("digraph { a } // { b }", None),
        ("digraph { subgraph x { a } graph [b=c] }", None),
        ('digraph { "}" } ;', None),
        ("digraph { a", None),
    ],
)
def test_a_second_graph_is_found(source: str, second: int | None) -> None:
    assert look_at(source, 100).second == second


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        "digraph { " + "{" * 1_000_000,
        'digraph { a [label="' + '\\"' * 1_000_000,
        "digraph { a [label=" + "<" * 1_000_000,
        "digraph {" + "/*" * 1_000_000,
        "digraph {" + "subgraph x {" * DEPTH_MAX + "}" * DEPTH_MAX,
        "digraph { subgraph x {" + " ".join(f"a{number}" for number in range(4000)) + "}" + "subgraph x {}" * 100_000 + "}",
        "digraph {" + "a -> " * 1_000_000,
        "digraph {" + "{" * 200_000 + " ".join(f"a{number}" for number in range(4000)) + "}" * 200_001,
    ],
)
def test_nothing_is_read_more_than_once(source: str) -> None:
    began = time.process_time()
    look_at(source, 5000)
    assert time.process_time() - began < 5
