"""What `--set` means."""

from __future__ import annotations

from typing import Any

import pytest

from nexusctl.client.material import merge
from nexusctl.commands.given import parse_given
from nexusctl.errors import UsageError


@pytest.mark.parametrize(
    ("assignments", "fields"),
    [
        ([], {}),
        (["scale=2"], {"scale": 2}),
        (["theme=dark"], {"theme": "dark"}),
        (["title=a=b"], {"title": "a=b"}),
        (["title="], {"title": ""}),
        (["pages=1-3"], {"pages": "1-3"}),
        (['version="1.4"'], {"version": "1.4"}),
        (["seed=#3b82f6"], {"seed": "#3b82f6"}),
        (["toc=true", "x=null", "y=1.5"], {"toc": True, "x": None, "y": 1.5}),
        (["sizes=[16, 32]"], {"sizes": [16, 32]}),
        (["crop.x=1", "crop.width=2"], {"crop": {"x": 1, "width": 2}}),
        (['crop={"x": 1}', "crop.width=2"], {"crop": {"x": 1, "width": 2}}),
        (["scale=1", "scale=2"], {"scale": 2}),
        (["x=NaN"], {"x": "NaN"}),
        (["x=" + "[" * 100_000], {"x": "[" * 100_000}),
    ],
)
def test_a_value_is_json_where_it_is_some(assignments: list[str], fields: dict[str, Any]) -> None:
    assert parse_given(assignments) == fields


@pytest.mark.parametrize("assignments", [["scale"], ["=2"], ["a..b=1"], [".a=1"], ["a.=1"], ["a=1", "a.b=2"]])
def test_what_sets_nothing_is_a_usage_error(assignments: list[str]) -> None:
    with pytest.raises(UsageError, match="--set"):
        parse_given(assignments)


def test_given_fields_come_first_and_objects_are_merged() -> None:
    assert merge({"a": 1, "b": {"c": 1, "d": 2}, "e": [1]}, {"a": 2, "b": {"c": 3}, "e": []}) == {
        "a": 2,
        "b": {"c": 3, "d": 2},
        "e": [],
    }
