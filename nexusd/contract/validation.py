"""From pydantic's errors to the `invalidParams` of a problem document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusd.errors import InvalidParam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

PARAMS_MAX: Final = 100
PLAINER: Final = {"extra_forbidden": "there is no such field", "missing": "is missing"}
"""What is said instead of pydantic's words, by its type of error."""


def invalid_params(error: ValidationError, data: Any, prefix: str = "") -> tuple[InvalidParam, ...]:
    """Return the wrong places of `data`, as RFC 6901 pointers below `prefix`; the first hundred of them."""
    return tuple(
        InvalidParam(
            prefix + _pointer(found["loc"], data, is_missing=found["type"] == "missing"),
            PLAINER.get(found["type"], found["msg"]),
        )
        for found in error.errors(include_url=False, include_context=False, include_input=False)[:PARAMS_MAX]
    )


def _pointer(location: Sequence[Any], data: Any, *, is_missing: bool) -> str:
    """Leave out what pydantic puts between the keys: the branches of unions."""
    parts: list[str] = []
    for index, part in enumerate(location):
        is_known = part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        if is_known:
            data = data[part]
        elif not (is_missing and index == len(location) - 1):
            continue
        parts.append("/" + str(part).replace("~", "~0").replace("/", "~1"))
    return "".join(parts)
