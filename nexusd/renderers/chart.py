"""The definition of `chart`: a Vega-Lite or Vega spec, and the data it shows, to a picture or a page.

Owns the input model and the limits. The work is done by `engines.chart`, which only the child imports.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from nexusd.contract.assets import ASSET_REFERENCE_KEY
from nexusd.contract.base import JsonObject, Request
from nexusd.renderers.chart_language import ChartLanguage, infer_language
from nexusd.renderers.inputs import AssetReference, Files
from nexusd.renderers.spec import RendererSpec, engine_command

INFERRED_MAX_LENGTH: Final = 256 * 1024  # a longer text is parsed by the child alone: the daemon has others to serve
EXAMPLE: Final[dict[str, Any]] = {
    "title": "Orders by weekday",
    "data": {
        "values": [{"day": day, "orders": orders} for day, orders in (("Mon", 28), ("Tue", 55), ("Wed", 43), ("Thu", 91))]
    },
    "mark": "bar",
    "encoding": {
        "x": {"field": "day", "type": "ordinal", "sort": None},
        "y": {"field": "orders", "type": "quantitative"},
    },
}


def check_no_reference(spec: JsonObject) -> JsonObject:
    """Return the spec unless it is meant to be a reference. Raises ValueError."""
    if ASSET_REFERENCE_KEY in spec:
        raise ValueError(f"an object with {ASSET_REFERENCE_KEY} is a reference and holds nothing beside it")
    return spec


Spec = Annotated[JsonObject, AfterValidator(check_no_reference)]
Colour = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[#\w(),.%/ +-]+$")]


class ChartInput(Request):
    """A chart in Vega-Lite or Vega. Nothing is fetched: data stands in the spec or is among the files."""

    language: ChartLanguage | None = Field(default=None, description="Left out, it is told by the spec.")
    source: str | AssetReference | Spec = Field(
        description="The spec: as text, as the asset that holds it, or as the JSON object itself."
    )
    files: Files = Field(
        default_factory=dict,
        description="Data (CSV, TSV, JSON, NDJSON, Parquet, Arrow, GeoJSON, TopoJSON) and pictures, by the address or the "
        "name of the dataset that the spec uses.",
    )
    format: Literal["svg", "png", "pdf", "html"] = "svg"
    theme: Literal[
        "light",
        "carbong10",
        "carbong100",
        "carbong90",
        "carbonwhite",
        "dark",
        "excel",
        "fivethirtyeight",
        "ggplot2",
        "googlecharts",
        "latimes",
        "powerbi",
        "quartz",
        "urbaninstitute",
        "vox",
    ] = Field(default="light", description="The look; what the spec itself says counts more.")
    background: Colour | None = Field(default=None, description="A CSS colour, or transparent.")
    scale: float = Field(default=2.0, ge=0.1, le=20.0, description="png: pixels to each of the svg.")
    ppi: float | None = Field(
        default=None, ge=10, le=2400, description="png: in place of scale; the svg has 96 pixels per inch."
    )
    locale: str | None = Field(
        default=None, pattern=r"^[a-z]{2}-(?:[A-Z]{2}|\d{3})$", description="How numbers and times are written, such as de-DE."
    )

    @model_validator(mode="after")
    def _infer_language(self) -> Self:
        """Name the language when the spec tells it; whether it is a spec at all is for the child to say."""
        spec: Any = self.source
        if self.language is not None or isinstance(spec, AssetReference):
            return self
        if isinstance(spec, str):
            try:
                spec = json.loads(spec) if len(spec) <= INFERRED_MAX_LENGTH else None
            except (ValueError, RecursionError):
                return self
        if isinstance(spec, dict):
            self.language = infer_language(spec)
        return self


CHART: Final = RendererSpec(
    job_type="chart",
    description="Charts from Vega-Lite or Vega specs: bars, lines, maps, and data from CSV, JSON or Parquet.",
    input_model=ChartInput,
    outputs={".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf", ".html": "text/html"},
    command=engine_command("nexusd.renderers.engines.chart:render"),
    tools=("vl-convert-python", "arro3-core", "arro3-io", "typst", "resvg-py"),
    default_timeout_seconds=300.0,
    memory_max_bytes=3 * 1024**3,
    examples={
        "vega-lite": {"source": EXAMPLE, "format": "svg"},
        "vega": {
            "language": "vega",
            "source": {
                "width": 120,
                "height": 60,
                "marks": [
                    {
                        "type": "rect",
                        "encode": {"enter": {"width": {"value": 120}, "height": {"value": 60}, "fill": {"value": "teal"}}},
                    }
                ],
            },
            "format": "png",
        },
    },
    extensions={".vl.json": {"language": "vega-lite"}, ".vg.json": {"language": "vega"}},
    spares=1,
)
