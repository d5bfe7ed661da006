"""The input of a chart: three forms of a source, and the language it is in."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from nexusd.renderers.chart import CHART, INFERRED_MAX_LENGTH, ChartInput
from nexusd.renderers.chart_language import infer_language
from nexusd.renderers.engines.spec_json import find_language
from nexusd.renderers.job import InvalidInput
from tests.integration.renderers.children import python

ASSET = {"$asset": "0198c0de"}
LITE: dict[str, Any] = {"mark": "bar"}
VEGA: dict[str, Any] = {"marks": []}


def normalised(**value: Any) -> dict[str, Any]:
    return ChartInput.model_validate(value).model_dump(by_alias=True, mode="json")


def test_a_chart_has_defaults() -> None:
    assert normalised(source=ASSET) == {
        "language": None,
        "source": ASSET,
        "files": {},
        "format": "svg",
        "theme": "light",
        "background": None,
        "scale": 2.0,
        "ppi": None,
        "locale": None,
    }


@pytest.mark.parametrize(
    ("source", "language"),
    [
        (LITE, "vega-lite"),
        (VEGA, "vega"),
        (json.dumps(LITE), "vega-lite"),
        (json.dumps(VEGA), "vega"),
        ({"$schema": "https://vega.github.io/schema/vega/v6.json", "layer": []}, "vega"),
        ({"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "marks": []}, "vega-lite"),
        ({"data": []}, None),
        ("no JSON", None),
        ("[1]", None),
        ("[" * 100_000, None),
        (json.dumps(LITE) + " " * INFERRED_MAX_LENGTH, None),
        (ASSET, None),
    ],
)
def test_the_language_is_told_by_the_spec(source: Any, language: str | None) -> None:
    assert normalised(source=source)["language"] == language


def test_a_language_that_is_named_holds() -> None:
    assert normalised(source=LITE, language="vega")["language"] == "vega"


@pytest.mark.parametrize(
    ("named", "filename", "spec", "language"),
    [
        ("vega", "a.vl.json", LITE, "vega"),
        (None, "assets/a.vl.json", VEGA, "vega-lite"),
        (None, "assets/a.vg.json", LITE, "vega"),
        (None, "assets/a.json", VEGA, "vega"),
        (None, "", {"$schema": 5, **LITE}, "vega-lite"),
    ],
)
def test_the_child_asks_the_name_of_the_file_first(named: Any, filename: str, spec: dict[str, Any], language: str) -> None:
    assert find_language(spec, named, filename) == language


def test_what_is_no_chart_is_told_what_one_is() -> None:
    assert infer_language({"data": []}) is None
    with pytest.raises(InvalidInput, match="name the `language`"):
        find_language({"data": []}, None)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"source": {"$asset": ""}}, "source"),
        ({"source": {"$asset": "x", "mark": "bar"}}, "source"),
        ({"source": [1]}, "source"),
        ({"format": "gif"}, "format"),
        ({"theme": "nope"}, "theme"),
        ({"scale": 0}, "scale"),
        ({"scale": 1e9}, "scale"),
        ({"ppi": 1}, "ppi"),
        ({"locale": "../x"}, "locale"),
        ({"background": 'red"/><script>'}, "background"),
        ({"files": {"../a.csv": ASSET}}, "files"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_chart_names_the_field(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        normalised(**{"source": LITE, **changes})
    assert {error["loc"][0] for error in refused.value.errors()} == {place}


@pytest.mark.slow
def test_the_themes_are_those_of_vl_convert() -> None:
    known = set(json.loads(python("import json, vl_convert; print(json.dumps(list(vl_convert.get_themes())))")))
    assert set(get_args(ChartInput.model_fields["theme"].annotation)) == {"light", *known}


def test_long_extensions_are_allowed() -> None:
    assert CHART.extensions[".vl.json"] == {"language": "vega-lite"}
    assert CHART.extensions[".vg.json"] == {"language": "vega"}
