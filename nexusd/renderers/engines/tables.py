"""Files of data as rows: CSV, TSV, other delimiters, JSON, NDJSON, Parquet, Arrow, GeoJSON and TopoJSON.

Owns which format a file has and how its values are typed. Columns of delimited text are guessed as Vega guesses them, numbers
and truth values, empty is null; what is neither stays text, also a date, which Vega-Lite reads by the encoding and Vega by
`format.parse`. A column that `format.parse` names is left as it stands, for Vega to parse.

Invariant: no more is read than the caps allow, whatever a file says of itself.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nexusd.domain.caps import Caps

FILE_MAX_BYTES: Final = 100 * 1024 * 1024
BATCH_ROWS: Final = 8192
DELIMITERS: Final = {"csv": ",", "tsv": "\t"}
KINDS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".geojson": "geojson",
    ".topojson": "topojson",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
VEGA_KINDS: Final = frozenset({"csv", "tsv", "dsv", "json", "topojson"})
NUMBER: Final = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
TRUTH: Final = {"true": True, "false": False}
PARQUET: Final = b"PAR1"
PROPERTY: Final = re.compile(r"[^.\[\]'\"]+")


class Table(NamedTuple):
    """A file of data. `name` is what the spec calls it, `filename` what its asset is called."""

    name: str
    filename: str
    file: Path

    def read(self, form: dict[str, Any], place: str, caps: Caps) -> tuple[Any, dict[str, Any]]:
        """Return the values, and what is left to do with them as Vega's `format`. `form` is that of the spec.

        Raises InvalidInput with the line where the file has lines.
        """
        kind = self._kind(form, place)
        content = self._content()
        parse = form.get("parse")
        left = {} if parse is None or parse == "auto" else {"parse": parse}
        if kind in ("csv", "tsv", "dsv"):
            return self._read_delimited(content, kind, form, caps), left
        if kind in ("parquet", "arrow"):
            return self._read_columns(content, kind, caps), left
        if kind == "ndjson":
            return list(self._read_lines(content, caps)), left
        return self._read_document(content, kind, form, left)

    def _kind(self, form: dict[str, Any], place: str) -> str:
        asked = form.get("type")
        if asked is not None and asked not in VEGA_KINDS:
            raise InvalidInput(f"{place}.format.type: {str(asked)[:60]!r} is none of {', '.join(sorted(VEGA_KINDS))}")
        for name in (self.name, self.filename):
            kind = next((kind for ending, kind in KINDS.items() if name.casefold().endswith(ending)), None)
            if kind is not None:
                # A spec that says "json" of a file that is known better, as for lines of it, means that file.
                return kind if asked is None or asked == "json" else str(asked)
        if asked is not None:
            return str(asked)
        raise InvalidInput(
            f"{place}: {self.name}: what kind of data is this? Name it with an ending such as .csv, or in format.type"
        )

    def _content(self) -> bytes:
        if self.file.stat().st_size > FILE_MAX_BYTES:
            raise InvalidInput(f"{self.name}: the file has more than {FILE_MAX_BYTES:,} bytes, too many for a chart")
        return self.file.read_bytes()

    def _text(self, content: bytes) -> str:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise InvalidInput(f"{self.name}:{line}: the file is not UTF-8 text (byte {error.start})") from None

    def _too_many(self, caps: Caps) -> InvalidInput:
        return InvalidInput(f"{self.name}: more than {caps.chart_max_rows:,} rows of data (caps.chart_max_rows)")

    def _read_delimited(self, content: bytes, kind: str, form: dict[str, Any], caps: Caps) -> list[dict[str, Any]]:
        delimiter = DELIMITERS.get(kind) or form.get("delimiter")
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
            raise InvalidInput(f"{self.name}: format.delimiter must be one character")
        reader = csv.reader(io.StringIO(self._text(content), newline=""), delimiter=delimiter, strict=True)
        header = form.get("header")
        names = [str(name) for name in header] if isinstance(header, list) else None
        columns: list[list[str]] = []
        rows = 0
        try:
            for cells in reader:
                if not cells:
                    continue
                if names is None:
                    names = cells
                    continue
                rows += 1
                if rows > caps.chart_max_rows:
                    raise self._too_many(caps)
                columns = columns or [[] for _ in names]
                for number, column in enumerate(columns):
                    column.append(cells[number] if number < len(cells) else "")
        except csv.Error as error:
            raise InvalidInput(f"{self.name}:{reader.line_num}: this line cannot be read: {error}") from None
        parse = form.get("parse")
        kept = frozenset(parse) if isinstance(parse, dict) else frozenset()
        typed = [column if name in kept else typed_column(column) for name, column in zip(names or (), columns, strict=False)]
        return [dict(zip(names or (), cells, strict=True)) for cells in zip(*typed, strict=True)]

    def _read_lines(self, content: bytes, caps: Caps) -> Iterator[Any]:
        rows = 0
        for number, line in enumerate(self._text(content).split("\n"), 1):
            if line.strip():
                rows += 1
                if rows > caps.chart_max_rows:
                    raise self._too_many(caps)
                yield self._parse(line, number)

    def _read_document(
        self, content: bytes, kind: str, form: dict[str, Any], left: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        value = self._parse(self._text(content))
        if (
            isinstance(value, dict)
            and value.get("type") == "Topology"
            and (kind == "topojson" or form.get("type") == "topojson")
        ):
            return value, self._topology_format(value, form, left)
        if form.get("property"):
            value = find_property(value, str(form["property"]), self.name)
        elif isinstance(value, dict) and value.get("type") == "FeatureCollection" and isinstance(value.get("features"), list):
            value = value["features"]
        return value, left

    def _topology_format(self, topology: dict[str, Any], form: dict[str, Any], left: dict[str, Any]) -> dict[str, Any]:
        """Return the format of a topology: which of its layers is shown, the only one when none is named."""
        layers = topology.get("objects")
        names = sorted(layers) if isinstance(layers, dict) else []
        kept: dict[str, Any] = {key: form[key] for key in ("feature", "mesh", "filter") if key in form}
        asked = kept.get("feature", kept.get("mesh"))
        if asked is None and len(names) == 1:
            kept["feature"] = asked = names[0]
        if asked not in names:
            shown = ", ".join(names[:10]) or "none"
            raise InvalidInput(f"{self.name}: format.feature or format.mesh must name one of its layers: {shown}")
        return {"type": "topojson", **kept, **left}

    def _parse(self, text: str, line: int = 0) -> Any:
        try:
            return json.loads(text, parse_constant=lambda _: None)
        except json.JSONDecodeError as error:
            place = f"{line or error.lineno}:{error.colno}"
            raise InvalidInput(f"{self.name}:{place}: this is not JSON: {error.msg}") from None
        except (RecursionError, ValueError) as error:
            raise InvalidInput(f"{self.name}: this JSON cannot be read: {error}") from None

    def _read_columns(self, content: bytes, kind: str, caps: Caps) -> list[Any]:
        """Return the rows of Parquet or Arrow; times become text in ISO 8601."""
        import arro3.io

        if kind == "parquet" and not (content.startswith(PARQUET) and content.endswith(PARQUET)):
            raise InvalidInput(f"{self.name}: this parquet file cannot be read: it lacks its first or its last bytes")
        read: Callable[..., Any] = arro3.io.read_parquet if kind == "parquet" else arro3.io.read_ipc
        rows: list[Any] = []
        try:
            for batch in read(io.BytesIO(content), **({"batch_size": BATCH_ROWS} if kind == "parquet" else {})):
                if len(rows) + batch.num_rows > caps.chart_max_rows:
                    raise self._too_many(caps)
                lines = io.BytesIO()
                arro3.io.write_ndjson(batch, lines)
                rows += [json.loads(line) for line in lines.getvalue().splitlines()]
        except (InvalidInput, MemoryError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # arro3 panics at some broken files, which is no Exception
            raise InvalidInput(f"{self.name}: this {kind} file cannot be read: {str(error)[:300]}") from None
        return rows


def typed_column(cells: list[str]) -> list[Any]:
    """Return a column as truth values, numbers or text, whichever all of it can be; empty cells are null."""
    filled = [cell for cell in cells if cell]
    if filled and all(cell in TRUTH for cell in filled):
        return [TRUTH.get(cell) for cell in cells]
    if filled and all(NUMBER.fullmatch(cell) for cell in filled):
        return [number(cell) if cell else None for cell in cells]
    return [cell or None for cell in cells]


def number(text: str) -> float | int | None:
    """Return a number as JavaScript reads it; what is beyond its range is none."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def find_property(value: Any, path: str, name: str) -> Any:
    """Return what stands at a path such as `a.b[0]`. Raises InvalidInput."""
    for part in PROPERTY.findall(path):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise InvalidInput(f"{name}: format.property: there is no {path[:100]!r} in this file")
    return value
