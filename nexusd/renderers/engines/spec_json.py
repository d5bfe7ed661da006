"""The text of a chart's spec as an object, and the languages it may be in.

Owns what a wrong text is told: JSON with its line and column, numbers that are none, a depth that no chart has.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from nexusd.renderers.chart_language import ChartLanguage, infer_language
from nexusd.renderers.job import InvalidInput

NAMES: Final = {"vega-lite": "chart.vl.json", "vega": "chart.vg.json"}
DEFAULT_NAME: Final = "chart.json"
DEPTH_MAX: Final = 200


def parse_spec(text: str, name: str) -> dict[str, Any]:
    """Return the object that a JSON text is. `name` is what messages call it. Raises InvalidInput."""

    def refuse_constant(constant: str) -> NoReturn:
        raise InvalidInput(f"{name}: {constant} is no JSON; use null for a value that is missing")

    if not text.strip():
        raise InvalidInput(f"{name}: the source is empty, there is nothing to draw")
    try:
        spec = json.loads(text, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{name}:{error.lineno}:{error.colno}: the source is not JSON: {error.msg}") from None
    except RecursionError:
        raise InvalidInput(f"{name}: the source is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise InvalidInput(f"{name}: the source is not JSON: {error}") from None
    if not isinstance(spec, dict):
        raise InvalidInput(f'{name}:1:1: a chart is a JSON object, such as {{"mark": "bar", …}}; this is something else')
    check_depth(spec, name)
    return spec


def check_depth(spec: dict[str, Any], name: str) -> None:
    """Raise InvalidInput when the spec is nested so deeply that walking it could fail."""
    level: list[Any] = [spec]
    for _ in range(DEPTH_MAX):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise InvalidInput(f"{name}: the source is nested more than {DEPTH_MAX} levels deep")


def find_language(spec: dict[str, Any], named: ChartLanguage | None, filename: str = "") -> ChartLanguage:
    """Return the language that is named, else what the name of the file says, else the spec. Raises InvalidInput."""
    if named is not None:
        return named
    if filename.endswith(".vl.json"):
        return "vega-lite"
    if filename.endswith(".vg.json"):
        return "vega"
    language = infer_language(spec)
    if language is None:
        raise InvalidInput(
            f"{DEFAULT_NAME}: this is no chart: a Vega-Lite spec has a `mark`, `layer`, `facet`, `repeat` or `concat`, "
            "a Vega spec has `marks`; or name the `language`"
        )
    return language
