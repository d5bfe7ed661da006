"""Draws charts in one child: V8 is slow to start, and a process that has used it must not fork, which the tests' own does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.integration.renderers.children import python

if TYPE_CHECKING:
    from collections.abc import Mapping

DRAW_ALL = """
import json, os, sys, tempfile
from pathlib import Path
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
os.dup2(1, 2)
from nexusd.domain.caps import Caps
from nexusd.renderers.engines.drawing import Style, draw
found = {{}}
for name, (language, source, style) in json.loads({given!r}).items():
    caps = Caps(**style.pop("caps", {{}}))
    try:
        drawing = draw(language, source, Path(tempfile.mkdtemp()), Style(**style, caps=caps))
        found[name] = ["", drawing.svg, drawing.width, drawing.height]
    except Exception as error:
        found[name] = [type(error).__name__, str(error), 0, 0]
print(json.dumps(found), file=answers)
"""


class Drawn(NamedTuple):
    """What came of a spec: the name of an error or none, its message or the SVG, and the size."""

    error: str
    text: str
    width: float
    height: float


class Spec(NamedTuple):
    """What to draw. `source` is text, or what its JSON means."""

    language: str
    source: Any
    style: dict[str, Any] | None = None


def draw_all(specs: Mapping[str, Spec]) -> dict[str, Drawn]:
    """Draw these by `engines.drawing`, in one process, in order."""
    given = {
        name: (spec.language, spec.source if isinstance(spec.source, str) else json.dumps(spec.source), spec.style or {})
        for name, spec in specs.items()
    }
    answer: dict[str, list[Any]] = json.loads(python(DRAW_ALL.format(given=json.dumps(given))))
    return {name: Drawn(*found) for name, found in answer.items()}
