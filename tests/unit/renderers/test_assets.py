"""Asset references: what is one, where it is, where its file goes."""

from __future__ import annotations

import posixpath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexusd.errors import InvalidRequest
from nexusd.renderers.assets import DEPTH_MAX, asset_path, find_references, place


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, []),
        ({"source": "text"}, []),
        ({"$asset": "a"}, [("", "a")]),
        ({"source": {"$asset": "a"}}, [("/source", "a")]),
        ({"files": {"img/x~y.png": {"$asset": "b"}}}, [("/files/img~1x~0y.png", "b")]),
        ({"slides": [{"$asset": "a"}, "no", [{"$asset": "b"}]]}, [("/slides/0", "a"), ("/slides/2/0", "b")]),
        ({"z": {"$asset": "1"}, "a": {"$asset": "1"}}, [("/z", "1"), ("/a", "1")]),
        ({"text": '{"$asset": "a"}', "$assets": "b"}, []),
    ],
)
def test_references_are_found_where_they_are(value: Any, expected: list[tuple[str, str]]) -> None:
    assert find_references(value) == expected


def test_a_prefix_goes_in_front_of_each_pointer() -> None:
    assert find_references({"source": {"$asset": "a"}}, "/input") == [("/input/source", "a")]


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"source": {"$asset": 5}}, "/source/$asset"),
        ({"source": {"$asset": ""}}, "/source/$asset"),
        ({"source": {"$asset": "a", "path": "/etc/passwd"}}, "/source"),
    ],
)
def test_what_looks_like_a_reference_and_is_none_is_refused(value: Any, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        find_references(value)
    assert [param.pointer for param in refused.value.params] == [pointer]


def test_an_input_too_deep_to_walk_is_refused() -> None:
    value: Any = {"$asset": "a"}
    for _ in range(DEPTH_MAX + 2):
        value = [value]
    with pytest.raises(InvalidRequest, match="too deeply"):
        find_references(value)


def test_placing_adds_the_path_to_every_reference_and_changes_nothing_else() -> None:
    value = {"source": {"$asset": "a"}, "files": {"x": {"$asset": "b"}}, "list": [{"$asset": "a"}, 1, None], "format": "pdf"}
    placed = place(value, {"a": "assets/a-doc.md", "b": "assets/b-x.png"})
    assert placed == {
        "source": {"$asset": "a", "path": "assets/a-doc.md"},
        "files": {"x": {"$asset": "b", "path": "assets/b-x.png"}},
        "list": [{"$asset": "a", "path": "assets/a-doc.md"}, 1, None],
        "format": "pdf",
    }
    assert value["source"] == {"$asset": "a"}


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("logo.png", "assets/id-logo.png"),
        ("../../etc/passwd", "assets/id-.._.._etc_passwd"),
        ("Grüße 2.svg", "assets/id-Gr_e_2.svg"),
        (None, "assets/id-file"),
        ("x" * 300 + ".png", "assets/id-" + "x" * 96 + ".png"),
    ],
)
def test_the_name_of_a_file_is_made_safe(filename: str | None, expected: str) -> None:
    assert asset_path("id", filename) == expected


@given(st.text(), st.text())
def test_no_name_leads_out_of_the_assets_folder(asset_id: str, filename: str) -> None:
    path = asset_path(asset_id, filename)
    assert posixpath.normpath(path) == path
    assert posixpath.dirname(path) == "assets"
    assert path.isascii()
    assert path.isprintable()
