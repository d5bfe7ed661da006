"""A picture drawn from text, whatever the language: what a document embeds, a storyboard shows, and an engine paints.

Owns the table of languages and who draws each, `MODULE:FUNCTION`. Such a function is

    draw(source: str, folder: Path, style: Style) -> Drawing

and may write into `folder` (empty, and its own), contacts nothing, and raises InvalidInput with the line and column in
`source` when that is wrong. The engines are imported when they are needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from nexusd.domain.caps import Caps
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENGINES: Final = {
    "d2": "nexusd.renderers.engines.d2:draw",
    "dot": "nexusd.renderers.engines.dot:draw",
    "mermaid": "nexusd.renderers.engines.mermaid:draw",
    "vega-lite": "nexusd.renderers.engines.vega:draw_vega_lite",
    "vega": "nexusd.renderers.engines.vega:draw_vega",
}


class Style(NamedTuple):
    """How to draw. `theme` is `light`, `dark`, or a name that the language knows; `background` a CSS colour, or None."""

    theme: str = "light"
    background: str | None = None
    caps: Caps = Caps()


class Drawing(NamedTuple):
    """A safe SVG document that stands alone: no scripts, nothing fetched. `width` and `height` in CSS pixels."""

    svg: str
    width: float
    height: float


Language = Literal["d2", "dot", "mermaid", "vega-lite", "vega"]


def draw(language: Language, source: str, folder: Path, style: Style | None = None) -> Drawing:
    """Return the picture that `source` tells. Raises InvalidInput, RendererFailed."""
    module, _, function = ENGINES[language].partition(":")
    engine: Callable[[str, Path, Style], Drawing] = getattr(importlib.import_module(module), function)
    folder.mkdir(parents=True, exist_ok=True)
    return engine(source, folder, style or Style())


def too_large(name: str, nodes_max: int) -> InvalidInput:
    """Return the refusal of a diagram that has more parts than it may have. `name` is what messages call the source."""
    return InvalidInput(f"{name}: more than {nodes_max:,} nodes and edges (caps.diagram_max_nodes)")
