"""What `--set` gives: fields of a job's input, as people write them on a command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from nexusctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_given(assignments: Iterable[str]) -> dict[str, Any]:
    """Return the fields that `key=value` texts set: `a.b=1` is `{"a": {"b": 1}}`. What is no JSON is a text.

    Raises UsageError.
    """
    fields: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        path = key.split(".")
        if not equals or not all(path):
            raise UsageError(f"--set {assignment} sets nothing", hint="write it as --set scale=2 or --set crop.width=100")
        place = fields
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UsageError(f"--set {assignment}: {part} has a value already, and no fields")
        place[path[-1]] = parse_value(text)
    return fields


def parse_value(text: str) -> Any:
    """Return a value: JSON where the text is some, else the text itself."""
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return text


def refuse_constant(name: str) -> NoReturn:
    """Refuse what Python takes for JSON, and nobody else: `NaN`, `Infinity`. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")
