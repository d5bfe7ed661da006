"""What `--format` takes: a text with fields of the API's JSON in it, `{id} {status}`, or as docker has them, `{{.ID}}`.

    {id}  {{.ID}}         a field; its case does not matter
    {provenance.width}    a field within a field; lists are counted from 0: {attempts.0.outcome}
    {{json .}}  json      the whole as JSON, on a line
    table {id}\\t{status}  columns with headings
    \\t  \\n  \\{  \\\\        a tab, a newline, a brace, a backslash

Nothing is computed and nothing is run. Which fields there are is known before anything is asked: those of the contract's model.
A text stands as it is, cleaned and on one line; what is missing is empty; all else is JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

from nexusctl.errors import UsageError
from nexusctl.output.table import Cell, format_table
from nexusctl.output.text import clean_line, json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from nexusctl.output.screen import Style

Fields = dict[str, Any]
"""Names, each with the Fields below it, or None where anything may be."""

_TABLE: Final = "table "
_TOKEN: Final = re.compile(
    r"\\(?P<escape>.)"
    r"|\{\{\s*(?:json\s+)?\.(?P<docker>[\w.$-]*)\s*\}\}"
    r"|\{(?P<field>[\w$-]+(?:\.[\w$-]+)*)\}"
    r"|(?P<text>[^\\{}]+)"
    r"|(?P<wrong>.)",
    re.DOTALL,
)
_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r"}


@dataclass(frozen=True, slots=True)
class _Field:
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """One template, read and checked. `heads` are those of its columns, where it is a table."""

    parts: tuple[str | _Field, ...]
    heads: tuple[str, ...] = ()

    def format(self, document: Any) -> str:
        """Return the text for one document of the API."""
        return "".join(part if isinstance(part, str) else _text(_find(document, part.path)) for part in self.parts)

    def format_all(self, documents: Sequence[Any], style: Style) -> str:
        """Return the lines for several, or their table."""
        lines = [self.format(document) for document in documents]
        if not self.heads:
            return "\n".join(lines)
        rows = [[Cell(cell) for cell in line.split("\t")] for line in lines]
        return format_table(list(self.heads), rows, style)


def parse_template(text: str, fields: Fields) -> Template:
    """Read a template. Raises UsageError, which names the fields there are."""
    if text == "json":
        return Template((_Field(()),))
    is_table = text.startswith(_TABLE)
    parts = tuple(_parts(text.removeprefix(_TABLE) if is_table else text, fields))
    if not is_table:
        return Template(parts)
    heads = "".join(part if isinstance(part, str) else ".".join(part.path) for part in parts).upper().split("\t")
    return Template(parts, tuple(heads))


def fields_of(*models: type[BaseModel]) -> Fields:
    """Return the fields that the JSON of these models has, all together."""
    found: Fields = {}
    for model in models:
        for name, field in model.model_fields.items():
            found[field.alias or name] = _fields_below(field.annotation)
    return found


def _fields_below(annotation: Any) -> Fields | None:
    """Return the fields of the model in an annotation; {} for a value that has none, None where anything may be."""
    if hasattr(annotation, "model_fields"):
        return fields_of(annotation)
    within = [_fields_below(each) for each in get_args(annotation)]
    if annotation is dict or getattr(annotation, "__origin__", None) is dict:
        return None
    return next((fields for fields in within if fields is None or fields), {})


def _parts(text: str, fields: Fields) -> Iterator[str | _Field]:
    for token in _TOKEN.finditer(text):
        if token["wrong"]:
            raise UsageError(
                f"--format {text!r}: no field begins or ends at character {token.start() + 1}",
                hint=r"a field is {name}, or {{.Name}}; a brace by itself is \{ or \}, a backslash \\",
            )
        if token["escape"] is not None:
            yield _ESCAPES.get(token["escape"], token["escape"])
        elif token["text"] is not None:
            yield token["text"]
        else:
            name = token["field"] if token["field"] is not None else token["docker"]
            yield _Field(_resolve(name, fields) if name else ())


def _resolve(name: str, fields: Fields) -> tuple[str, ...]:
    """Return the path of a field as the API spells it. Raises UsageError when it cannot be there."""
    found: list[str] = []
    below: Mapping[str, Any] | None = fields
    for part in name.split("."):
        if below is None or part.isdecimal():
            found.append(part)
            continue
        known = next((each for each in below if each.lower() == part.lower()), None)
        if known is None:
            place = f" of {'.'.join(found)}" if found else ""
            hint = f"there are: {', '.join(below)}" if below else "it has no fields of its own"
            raise UsageError(f"--format: there is no field {part}{place}", hint=hint)
        found.append(known)
        below = below[known]
    return tuple(found)


def _find(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def _text(value: Any) -> str:
    if value is None:
        return ""
    return clean_line(value) if isinstance(value, str) else json_text(value)
