"""D2's messages and boards, and where an import may hide."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexusd.renderers.engines.d2 import MAYBE_IMPORT, board_name, refusal, tidy, with_probes
from nexusd.renderers.job import InvalidInput, RendererFailed


@pytest.mark.parametrize(
    "source",
    [
        "x: @a",
        "x:@a",
        "...@a",
        "x: {...@a}",
        "x: [@a]",
        "x: [1; ...@a]",
        "x:\t@a",
        "x:\u00a0@a",
        "vars: {a: @b}",
        "y; ...@a",
        'x: @"a"',
        "x: \\\n  @a",
        "\n@a",
    ],
)
def test_every_place_where_d2_reads_an_import_is_looked_at(source: str) -> None:
    assert MAYBE_IMPORT.search(source)


@pytest.mark.parametrize("source", ["a@b.org", "mail: me@b.org", "a -> b: see a@b", "x: null @s"])
def test_an_address_is_not_looked_at(source: str) -> None:
    assert not MAYBE_IMPORT.search(source)


def test_probes_go_behind_the_sign_and_its_quote() -> None:
    source = 'x: @a\ny: @"b"\n'
    places = [match.span(1) for match in MAYBE_IMPORT.finditer(source)]
    assert with_probes(source, places) == 'x: @nexusd-probe-0-a\ny: @"nexusd-probe-1-b"\n'


def test_messages_lose_the_work_directory() -> None:
    loaded = "info: font NotoSans-Bold.ttf loaded\nsuccess: x\n"
    said = f"{loaded}err: failed to compile diagram.d2: /w/source/diagram.d2:2:3: no\nerr: /w/source/diagram.d2:4:6: nor\n"
    assert tidy(said, "/w/source") == "diagram.d2:2:3: no\ndiagram.d2:4:6: nor"


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("diagram.d2:2:3: no", InvalidInput, "diagram.d2:2:3: no"),
        ("native Markdown SVG does not support <u>", InvalidInput, "diagram.d2: native Markdown SVG does not support <u>"),
        (
            'bad usage: D2_LAYOUT "x" is not bundled\nRun with --help',
            InvalidInput,
            'diagram.d2: d2-config: D2_LAYOUT "x" is not bundled',
        ),
        (
            "failed to fully compile: failed to bundle local images: [/a.png]",
            InvalidInput,
            "diagram.d2: the icon /a.png names a file",
        ),
        ("panic: runtime error", RendererFailed, "panic: runtime error"),
    ],
)
def test_whose_fault_it_is(said: str, kind: type[Exception], message: str) -> None:
    error = refusal(said)
    assert type(error) is kind
    assert str(error).startswith(message)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("diagram.svg", "diagram"),
        ("diagram/index.svg", "diagram"),
        ("diagram/layers/detail.svg", "diagram_layers.detail"),
        ("diagram/layers/a b/index.svg", "diagram_layers.a_b"),
        ("diagram/layers/x/steps/1.svg", "diagram_layers.x.steps.1"),
    ],
)
def test_the_name_of_a_board(path: str, name: str) -> None:
    assert board_name(Path(path)) == name
