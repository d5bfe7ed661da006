"""Files of data: formats, types, and what is told of files that are none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import arro3.core
import arro3.io
import pytest

from nexusd.domain.caps import Caps
from nexusd.renderers.engines.tables import Table, number, typed_column
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "chart.vl.json: data"


def read(
    directory: Path,
    content: str | bytes,
    name: str = "t.csv",
    *,
    form: dict[str, Any] | None = None,
    filename: str = "",
    rows: int = 100,
) -> tuple[Any, dict[str, Any]]:
    file = directory / "file"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return Table(name, filename, file).read(form or {}, PLACE, Caps(chart_max_rows=rows))


def test_columns_are_guessed_and_empty_is_null(tmp_path: Path) -> None:
    rows, left = read(tmp_path, '\ufeffn,b,s,e,d\n1,true,x,,2024-01-01\n-2.5e1,false,"y, ""z""",,2024-01-02\n,,,,\n')
    assert rows == [
        {"n": 1, "b": True, "s": "x", "e": None, "d": "2024-01-01"},
        {"n": -25, "b": False, "s": 'y, "z"', "e": None, "d": "2024-01-02"},
        {"n": None, "b": None, "s": None, "e": None, "d": None},
    ]
    assert left == {}


def test_a_column_that_is_parsed_by_the_spec_stays_text(tmp_path: Path) -> None:
    rows, left = read(tmp_path, "zip,n\n01234,5\n", form={"parse": {"zip": "string"}})
    assert rows == [{"zip": "01234", "n": 5}]
    assert left == {"parse": {"zip": "string"}}


@pytest.mark.parametrize(
    ("content", "name", "form"),
    [
        ("a\tb\n1\tx\n", "t.tsv", {}),
        ("a\tb\n1\tx\n", "t", {"type": "tsv"}),
        ("a;b\n1;x\n", "t.txt", {"type": "dsv", "delimiter": ";"}),
        ("1,x\n", "t.CSV", {"header": ["a", "b"]}),
        ('[{"a": 1, "b": "x"}]', "t.json", {}),
        ('{"r": {"rows": [0, [{"a": 1, "b": "x"}]]}}', "t.json", {"property": "r.rows[1]"}),
        ('{"a": 1, "b": "x"}\n\n', "t.ndjson", {}),
        ('{"a": 1, "b": "x"}', "t.jsonl", {"type": "json"}),
        ("a,b\r\n1,x\r\n\r\n", "t.csv", {}),
        ("a,b\n1,x,more\n", "t.csv", {}),
    ],
)
def test_formats(tmp_path: Path, content: str, name: str, form: dict[str, Any]) -> None:
    assert read(tmp_path, content, name, form=form)[0] == [{"a": 1, "b": "x"}]


def test_the_name_of_the_asset_tells_the_format_too(tmp_path: Path) -> None:
    assert read(tmp_path, "a\n1\n", "sales", filename="assets/x-sales.csv")[0] == [{"a": 1}]


def columns(directory: Path, form: str) -> bytes:
    utc = arro3.core.Array([0, 86_400_000], arro3.core.DataType.int64()).cast(arro3.core.DataType.timestamp("ms"))
    table = arro3.core.Table.from_pydict(
        {
            "n": arro3.core.Array([1.5, None], arro3.core.DataType.float64()),
            "s": arro3.core.Array(["ä", "b"], arro3.core.DataType.utf8()),
            "t": utc,
        }
    )
    file = directory / "made"
    (arro3.io.write_parquet if form == "parquet" else arro3.io.write_ipc)(table, str(file))
    return file.read_bytes()


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_columnar_files(tmp_path: Path, form: str) -> None:
    rows, _ = read(tmp_path, columns(tmp_path, form), f"t.{form}")
    assert [(row.get("n"), row["s"], row["t"]) for row in rows] == [
        (1.5, "ä", "1970-01-01T00:00:00"),
        (None, "b", "1970-01-02T00:00:00"),
    ]


TOPOLOGY = {"type": "Topology", "objects": {"land": {}, "sea": {}}, "arcs": []}


def test_a_topology_keeps_its_format(tmp_path: Path) -> None:
    value, left = read(tmp_path, json.dumps(TOPOLOGY), "w.json", form={"type": "topojson", "feature": "sea"})
    assert (value, left) == (TOPOLOGY, {"type": "topojson", "feature": "sea"})
    one = {**TOPOLOGY, "objects": {"land": {}}}
    assert read(tmp_path, json.dumps(one), "w.topojson")[1] == {"type": "topojson", "feature": "land"}


def test_features_are_the_rows_of_a_collection(tmp_path: Path) -> None:
    collection = {"type": "FeatureCollection", "features": [{"type": "Feature"}]}
    assert read(tmp_path, json.dumps(collection), "w.geojson")[0] == [{"type": "Feature"}]


@pytest.mark.parametrize(
    ("content", "name", "form", "message"),
    [
        (b"a,b\n\xff,1\n", "t.csv", {}, r"t\.csv:2: the file is not UTF-8 text \(byte 4\)"),
        ('a,b\n1,"x\n', "t.csv", {}, r"t\.csv:2: this line cannot be read"),
        ("x", "t", {}, r"t: what kind of data is this\?"),
        ("x", "t.csv", {"type": "xls"}, r"format\.type: 'xls' is none of csv"),
        ("x", "t.txt", {"type": "dsv"}, r"format\.delimiter must be one character"),
        ('[{"a": 1},\n oops]', "t.json", {}, r"t\.json:2:2: this is not JSON"),
        ('{"a": 1}\n{"a": \n', "t.ndjson", {}, r"t\.ndjson:2:7: this is not JSON"),
        ("[" * 100_000, "t.json", {}, r"t\.json: this JSON cannot be read"),
        ("{}", "t.json", {"property": "a.b"}, r"format\.property: there is no 'a\.b' in this file"),
        (json.dumps(TOPOLOGY), "w.topojson", {}, "must name one of its layers: land, sea"),
        (json.dumps(TOPOLOGY), "w.topojson", {"feature": "moon"}, "must name one of its layers: land, sea"),
        (b"PAR1 this is none PAR1", "t.parquet", {}, r"t\.parquet: this parquet file cannot be read"),
        (b"", "t.parquet", {}, "cannot be read"),
        (b"PAR1" * 2, "t.parquet", {}, "cannot be read"),
        (b"PAR1" + b"\0" * 40 + b"\xff\xff\xff\x7fPAR1", "t.parquet", {}, "cannot be read"),
        (b"ARROW1\0\0", "t.arrow", {}, "cannot be read"),
        ("a\n" + "1\n" * 101, "t.csv", {}, r"t\.csv: more than 100 rows of data \(caps\.chart_max_rows\)"),
        ("1\n" * 101, "t.ndjson", {}, r"t\.ndjson: more than 100 rows"),
    ],
)
def test_what_cannot_be_read_is_told(
    tmp_path: Path, content: str | bytes, name: str, form: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(tmp_path, content, name, form=form)


def test_rows_of_a_columnar_file_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="more than 1 rows"):
        read(tmp_path, columns(tmp_path, "parquet"), "t.parquet", rows=1)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with file.open("wb") as sparse:
        sparse.truncate(200 * 1024 * 1024)
    with pytest.raises(InvalidInput, match="more than 104,857,600 bytes"):
        Table("t.csv", "", file).read({}, PLACE, Caps())


@pytest.mark.parametrize(
    ("cells", "typed"),
    [
        (["1", "2.0", " 3 ", "1e3", ".5", "-0"], [1, 2, 3, 1000, 0.5, 0]),
        (["1", "x"], ["1", "x"]),
        (["true", ""], [True, None]),
        (["True"], ["True"]),
        (["", ""], [None, None]),
        (["0x10"], ["0x10"]),
        (["Infinity"], ["Infinity"]),
        (["1_000"], ["1_000"]),
        (["\u0661"], ["\u0661"]),
        ([str(2**60)], [float(2**60)]),
    ],
)
def test_types(cells: list[str], typed: list[Any]) -> None:
    assert typed_column(cells) == typed
    assert [type(value) for value in typed_column(cells)] == [type(value) for value in typed]


def test_a_number_beyond_all_is_none() -> None:
    assert number("1e999") is None
