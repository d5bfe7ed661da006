"""What Mermaid's parsers see of a source, and the way back to it."""

from __future__ import annotations

import pytest

from nexusd.renderers.engines.mermaid import BEGINNING, LINES, refusal
from nexusd.renderers.engines.mermaid_page import Answer
from nexusd.renderers.engines.mermaid_source import count_parts, normal, parsed

SOURCE = """\
---
title: A title
---
%%{init: {"theme": "dark"}}%%

%% about this
flowchart TD
  A --> B
  %% in the middle

  B --> C
"""


def test_what_mermaid_takes_out_is_not_parsed() -> None:
    assert parsed(SOURCE).text == "flowchart TD\n  A --> B\n\n  B --> C\n"


@pytest.mark.parametrize(
    ("line", "column", "place"),
    [(1, 0, (7, 1)), (2, 2, (8, 3)), (4, 2, (11, 3)), (4, 99, (11, 10)), (99, 0, (11, 10)), (0, 0, (7, 1))],
)
def test_a_place_leads_back_to_the_source(line: int, column: int, place: tuple[int, int]) -> None:
    assert parsed(SOURCE).place(line, column) == place


def test_what_a_parser_did_not_expect_is_behind_what_it_read() -> None:
    assert parsed("pie\n a   b").place_after(2, 2) == (2, 6)


@pytest.mark.parametrize("source", ["", "%% nothing", "---\na: b\n---\n", "%%{init: {}}%%"])
def test_a_source_of_comments_is_empty(source: str) -> None:
    assert parsed(source).text == ""
    assert parsed(source).place(1, 0)[0] >= 1


def test_line_ends_become_one_kind() -> None:
    assert normal("a\r\nb\rc\n") == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [("flowchart TD\nA --> B", 3), ("graph LR; A-->B; B-->C", 5), ("A & B --> C", 3), ("\n \n", 0), ("A ==> B -.-> C", 3)],
)
def test_statements_and_links_are_counted(text: str, count: int) -> None:
    assert count_parts(text) == count


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(error="Parse error on line 9:\n...A --> B\n---^\nExpecting 'X'", line=4, column=4), "11:5: Expecting 'X'"),
        (Answer(error="Lexical error on line 2. Unrecognized text.\nabc\n---^"), "8:1: Unrecognized text."),
        (Answer(error="Parsing failed: Lexer error on line 2, column 3: unexpected"), "8:3: Lexer error: unexpected"),
        (Answer(error="bad indentation (2:5)\n\n 1 | x"), "3:5: bad indentation"),
        (Answer(error="No diagram type detected"), " No diagram type detected"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_with_its_place(answer: Answer, message: str) -> None:
    assert str(refusal(answer, parsed(SOURCE))) == f"diagram.mmd:{message}"


def test_an_error_names_no_line_of_mermaids_own_count() -> None:
    assert LINES.sub("", BEGINNING.sub("", "Parsing failed: Lexer error on line 3, column 1: x")) == "Lexer error: x"
