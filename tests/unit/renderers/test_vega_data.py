"""Data put into a spec: where it is named, under which name it goes, what is left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nexusd.domain.caps import Caps
from nexusd.renderers.engines.tables import Table
from nexusd.renderers.engines.vega_data import Inliner
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.chart_language import ChartLanguage


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Table]:
    (tmp_path / "a").write_text("x,y\n1,2\n3,4\n")
    (tmp_path / "b").write_text('{"type":"Topology","objects":{"land":{},"sea":{}},"arcs":[]}')
    return {
        "sales.csv": Table("sales.csv", "", tmp_path / "a"),
        "deep/world.topojson": Table("deep/world.topojson", "", tmp_path / "b"),
    }


def inline(
    tables: dict[str, Table], spec: dict[str, Any], language: ChartLanguage = "vega-lite", rows: int = 100
) -> dict[str, Any]:
    Inliner(tables, "chart", language, Caps(chart_max_rows=rows)).inline(spec)
    return spec


ROWS = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]


def test_vega_lite_keeps_one_copy_of_a_file(tables: dict[str, Table]) -> None:
    spec = inline(tables, {"layer": [{"data": {"url": "sales.csv"}}, {"data": {"url": "./sales.csv"}}]}, rows=2)
    assert spec == {"layer": [{"data": {"name": "sales.csv"}}] * 2, "datasets": {"sales.csv": ROWS}}


def test_a_dataset_is_found_by_its_name(tables: dict[str, Table]) -> None:
    assert inline(tables, {"data": {"name": "sales"}})["datasets"] == {"sales": ROWS}
    assert inline(tables, {"data": {"name": "other"}}) == {"data": {"name": "other"}}


def test_what_the_spec_brings_itself_is_left(tables: dict[str, Table]) -> None:
    spec = {"data": {"name": "sales"}, "datasets": {"sales": [{"x": 5}]}}
    assert inline(tables, dict(spec)) == spec
    assert inline(tables, {"data": {"name": "sales", "values": [1]}}) == {"data": {"name": "sales", "values": [1]}}


def test_two_layers_of_a_map_are_two_datasets(tables: dict[str, Table]) -> None:
    views = [
        {"data": {"url": "deep/world.topojson", "format": {"type": "topojson", "feature": name}}} for name in ("land", "sea")
    ]
    spec = inline(tables, {"layer": views})
    assert [view["data"]["format"]["feature"] for view in spec["layer"]] == ["land", "sea"]
    assert len({view["data"]["name"] for view in spec["layer"]} & spec["datasets"].keys()) == 2


def test_a_dataset_of_an_address_and_a_name_keeps_its_name(tables: dict[str, Table]) -> None:
    assert inline(tables, {"data": {"url": "sales.csv", "name": "s"}}) == {"data": {"name": "s", "values": ROWS}}


def test_vega_gets_values(tables: dict[str, Table]) -> None:
    spec = inline(
        tables,
        {"data": [{"name": "t", "url": "sales.csv", "format": {"parse": {"x": "number"}}}, {"name": "u", "source": "t"}]},
        "vega",
    )
    assert spec["data"][0] == {
        "name": "t",
        "values": [{"x": "1", "y": 2}, {"x": "3", "y": 4}],
        "format": {"parse": {"x": "number"}},
    }
    assert spec["data"][1] == {"name": "u", "source": "t"}


def test_rows_are_not_looked_into(tables: dict[str, Table]) -> None:
    row = {"data": {"url": "http://example.org/"}}
    spec = {"data": {"values": [row]}, "datasets": {"d": [row]}, "usermeta": row}
    assert inline(tables, dict(spec)) == spec


def test_rows_of_all_data_are_counted_together(tables: dict[str, Table]) -> None:
    spec = {"layer": [{"data": {"url": "sales.csv"}}, {"data": {"values": [1, 2]}}]}
    inline(tables, spec, rows=4)
    with pytest.raises(InvalidInput, match=r"more than 3 rows of data \(caps\.chart_max_rows\)"):
        inline(tables, {"layer": [{"data": {"url": "sales.csv"}}, {"data": {"values": [1, 2]}}]}, rows=3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"data": {"url": "sale.csv"}},
            r"data: the address sale\.csv cannot be read; it is not among .*\(deep/world\.topojson, sales",
        ),
        ({"data": {"url": "HTTP://x/y"}}, "nothing is fetched"),
        ({"data": {"url": "sales.csv", "format": "csv"}}, r"data\.format must be an object"),
        ({"datasets": []}, "datasets must be an object"),
    ],
)
def test_a_wrong_address_is_told(tables: dict[str, Table], spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        inline(tables, spec)
