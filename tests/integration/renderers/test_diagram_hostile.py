"""Diagrams that would eat the machine: too large for a cap, or without an end, in each language."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nexusd.domain.caps import Caps
from nexusd.domain.states import ErrorCode, JobStatus
from nexusd.renderers.diagram import DIAGRAM, DiagramInput
from nexusd.renderers.engines import d2
from nexusd.renderers.engines.drawing import Style, draw
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.children import render
from tests.support.runners import open_runner

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.engines.drawing import Language

EXTENSIONS = {"d2": "d2", "dot": "dot", "mermaid": "mmd"}
TOO_LARGE = r"more than {:,} nodes and edges \(caps.diagram_max_nodes\)"


def names(letter: str, count: int, between: str) -> str:
    return between.join(f"{letter}{number}" for number in range(count))


def tangle(nodes: int, edges: int) -> str:
    chance = random.Random(1)
    return "; ".join(f"n{chance.randrange(nodes)} -> n{chance.randrange(nodes)}" for _ in range(edges))


# Within the caps, and yet a layout of minutes.
ENDLESS = {
    "d2": f"a: {{{names('n', 60, ';')}}}\nb: {{{names('n', 60, ';')}}}\na.* -> b.*\n",
    "dot": f"digraph {{ {tangle(1500, 3000)} }}",
    "mermaid": f"flowchart TD\n{names('a', 60, ' & ')} --> {names('b', 60, ' & ')}\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("language", ENDLESS)
async def test_a_layout_without_an_end_is_ended(tmp_path: Path, language: str) -> None:
    given = DiagramInput.model_validate({"language": language, "source": ENDLESS[language]}).model_dump(
        by_alias=True, mode="json"
    )
    hurried = replace(DIAGRAM, default_timeout_seconds=1.0, spares=0)
    async with open_runner(tmp_path, hurried, terminate_grace_seconds=0.2) as runner:
        job = await runner.run(job_type="diagram", input=given, max_attempts=1)
        assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.TIMEOUT), job
        assert not runner.find_processes()


@pytest.mark.slow
@pytest.mark.parametrize("language", EXTENSIONS)
@pytest.mark.parametrize("named", [True, False])
def test_a_source_of_fifty_megabytes_is_refused(tmp_path: Path, language: str, named: bool) -> None:
    given = {"source": {"$asset": "a1"}, **({"language": language} if named else {})}
    ended = render(DIAGRAM, given, tmp_path, {"a1": b"a -> b;\n" * (50 * 1024 * 1024 // 8)})
    assert ended.code == 65
    assert "the source has more than 10,485,760 bytes (caps.source_max_bytes)" in ended.log
    assert ended.files == {}


@pytest.mark.parametrize("source", ["a -> b\n" * 2501 + "b -> a\n" * 2500, "a -> b <- c -- d <-> e: label\n" * 1251])
def test_lines_of_edges_are_counted_before_d2_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setattr(d2, "run_d2", None)
    with pytest.raises(InvalidInput, match=TOO_LARGE.format(5000)):
        draw("d2", source, tmp_path)


MULTIPLIED: dict[Language, str] = {
    "d2": f"a: {{{names('n', 5, ';')}}}\nb: {{{names('n', 5, ';')}}}\na.* -> b.*\n",
    "dot": f"digraph {{ {{ {names('a', 5, ' ')} }} -> {{ {names('b', 5, ' ')} }} }}",
    "mermaid": f"flowchart TD\n{names('a', 5, ' & ')} --> {names('b', 5, ' & ')}\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("language", MULTIPLIED)
def test_few_bytes_that_multiply_are_counted(tmp_path: Path, language: Language) -> None:
    with pytest.raises(InvalidInput, match=TOO_LARGE.format(20)):
        draw(language, MULTIPLIED[language], tmp_path, Style(caps=Caps(diagram_max_nodes=20)))
    assert draw(language, MULTIPLIED[language], tmp_path, Style(caps=Caps(diagram_max_nodes=60))).width > 50


TEXTS = {
    "in a block": "a: |md\n  b -> c\n  d -> e\n|",
    "in a string": 'a: "b\n  c -> d\n"',
    "in a comment": "# b -> c\na\n# d -> e",
    "taken away": "a -> b\nc -> d\n(a -> b)[0]: null\n(c -> d)[0]: null\na: null\nb: null\nc: null",
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_edge_is_not_counted(name: str) -> None:
    d2.check_source(TEXTS[name], 1)


@pytest.mark.parametrize("source", ['digraph { "x\x01y" }', 'digraph { "x\uffffy" }'])
def test_a_character_that_no_svg_can_hold_is_invalid_input(tmp_path: Path, source: str) -> None:
    with pytest.raises(InvalidInput, match=r"^diagram.dot: the source holds a control character"):
        draw("dot", source, tmp_path)
