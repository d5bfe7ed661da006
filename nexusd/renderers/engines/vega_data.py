"""The data of a chart, all of it inside the spec: files put in place of their names, every other address refused.

Owns where a spec may name data (`data` at any depth: views, marks, lookups) and the bound on rows. Leaves out how a file is
read (`tables`). Values that stand in the spec are counted and not looked at.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nexusd.domain.caps import Caps
    from nexusd.renderers.chart_language import ChartLanguage
    from nexusd.renderers.engines.tables import Table

ROWS_OF_A_SPEC: Final = frozenset({"values", "datasets", "usermeta"})
FETCHED: Final = re.compile(r"[a-z][a-z0-9+.-]*:|/", re.IGNORECASE)


class Inliner:
    """Puts the tables of one chart into its spec. `tables` are by the name that the spec uses."""

    def __init__(self, tables: Mapping[str, Table], name: str, language: ChartLanguage, caps: Caps) -> None:
        self._tables = tables
        self._name = name
        self._lite = language == "vega-lite"
        self._caps = caps
        self._rows = 0
        self._known: frozenset[str] = frozenset()  # datasets that the spec brings itself
        self._datasets: dict[str, Any] = {}
        self._read: dict[tuple[str, str], tuple[Any, dict[str, Any]]] = {}

    def inline(self, spec: dict[str, Any]) -> None:
        """Change the spec. Raises InvalidInput for an address that is no file of the chart, and above the cap on rows."""
        given = spec.get("datasets", {})
        if not isinstance(given, dict):
            raise InvalidInput(f"{self._name}: datasets must be an object")
        for values in given.values():
            self._count(values)
        self._known = frozenset(given)
        self._walk(spec, "")
        if self._datasets:
            spec["datasets"] = {**given, **self._datasets}

    def _walk(self, value: Any, place: str) -> None:
        if isinstance(value, list):
            for number, item in enumerate(value):
                self._walk(item, f"{place}[{number}]")
        elif isinstance(value, dict):
            for key, item in value.items():
                if key in ROWS_OF_A_SPEC:
                    continue
                below = f"{place}.{key}" if place else key
                if key == "data":
                    for dataset in item if isinstance(item, list) else [item]:
                        self._take(dataset, below)
                self._walk(item, below)

    def _take(self, dataset: Any, place: str) -> None:
        """Inline one dataset, when it is one."""
        if not isinstance(dataset, dict):
            return
        self._count_generated(dataset, place)
        if "values" in dataset:
            self._count(dataset["values"])
        if "url" in dataset:
            table = self._find(dataset["url"], place)
            self._place(dataset, table, place, table.name)
        elif isinstance(name := dataset.get("name"), str) and not dataset.keys() & {"values", "source"}:
            named = self._named(name)
            if named is not None and name not in self._known:
                self._place(dataset, named, place, name)

    def _find(self, url: Any, place: str) -> Table:
        if isinstance(url, str) and (table := self._tables.get(url.removeprefix("./"))) is not None:
            return table
        shown = url[:200] if isinstance(url, str) else "that is made up while the chart runs"
        if not isinstance(url, str) or FETCHED.match(url):
            hint = "nothing is fetched: give the data as one of `files`, or inside the spec"
        else:
            hint = f"it is not among the files of this chart ({', '.join(sorted(self._tables)[:10]) or 'there are none'})"
        raise InvalidInput(f"{self._name}: {place}: the address {shown} cannot be read; {hint}")

    def _named(self, name: str) -> Table | None:
        """Return the file of this name, or the only one whose name is this without its extension."""
        if name in self._tables:
            return self._tables[name]
        found = [table for path, table in self._tables.items() if path.rpartition("/")[2].partition(".")[0] == name]
        return found[0] if len(found) == 1 else None

    def _place(self, dataset: dict[str, Any], table: Table, place: str, address: str) -> None:
        form = dataset.get("format")
        if form is not None and not isinstance(form, dict):
            raise InvalidInput(f"{self._name}: {place}.format must be an object")
        key = (table.name, json.dumps(form, sort_keys=True))
        if key not in self._read:
            self._read[key] = table.read(form or {}, f"{self._name}: {place}", self._caps)
            self._count(self._read[key][0])
        values, kept = self._read[key]
        dataset.pop("format", None)
        if kept:
            dataset["format"] = kept
        if not self._lite or ("name" in dataset and "url" in dataset):
            dataset["values"] = values
        else:  # Vega-Lite keeps one copy, however many views share it
            number = [read for read in self._read if read[0] == table.name].index(key)
            dataset["name"] = address if number == 0 else f"{address} ({number + 1})"
            self._datasets[dataset["name"]] = values
        dataset.pop("url", None)

    def _count(self, values: Any) -> None:
        rows = len(values) if isinstance(values, list) else values.count("\n") if isinstance(values, str) else 1
        self._count_rows(rows)

    def _count_generated(self, dataset: dict[str, Any], place: str) -> None:
        """Count the rows of sequences whose bounds are numbers; others are bounded by memory and time."""
        transforms = dataset.get("transform")
        made = [dataset.get("sequence"), *(transforms if isinstance(transforms, list) else [])]
        for sequence in made:
            if isinstance(sequence, dict) and sequence.get("type", "sequence") == "sequence":
                start, stop, step = (sequence.get(key, default) for key, default in (("start", 0), ("stop", 0), ("step", 1)))
                if all(isinstance(number, int | float) for number in (start, stop, step)) and step:
                    self._count_rows(int(max(0, min((stop - start) / step, 1e15))))

    def _count_rows(self, rows: int) -> None:
        self._rows += rows
        if self._rows > self._caps.chart_max_rows:
            raise InvalidInput(f"{self._name}: more than {self._caps.chart_max_rows:,} rows of data (caps.chart_max_rows)")
