"""Whether a chart is told in Vega-Lite or in Vega. Both the definition, in the daemon, and the engine, in the child, ask."""

from __future__ import annotations

from typing import Any, Final, Literal

ChartLanguage = Literal["vega-lite", "vega"]
VEGA_ONLY: Final = frozenset({"marks", "signals", "scales", "axes", "legends", "projections", "layout"})
VEGA_LITE_ONLY: Final = frozenset(
    {"mark", "encoding", "layer", "facet", "spec", "repeat", "concat", "hconcat", "vconcat", "transform", "params", "datasets"}
)


def infer_language(spec: dict[str, Any]) -> ChartLanguage | None:
    """Return the language by `$schema`, else by the properties at the top; None when neither tells."""
    schema = spec.get("$schema")
    if isinstance(schema, str):
        if "/vega-lite/" in schema:
            return "vega-lite"
        if "/vega/" in schema:
            return "vega"
    if VEGA_LITE_ONLY & spec.keys():
        return "vega-lite"
    return "vega" if VEGA_ONLY & spec.keys() else None
