"""The definition of `theme`: one colour, or a picture's colours, to the tokens of a light and a dark scheme.

Owns the input model and the limits. The work is done by `engines.theme`, which only the child imports.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from nexusd.contract.base import Request
from nexusd.renderers.inputs import AssetReference
from nexusd.renderers.spec import RendererSpec, engine_command

Seed = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
ThemeName = Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$")]


class ThemeInput(Request):
    """A theme from a seed colour or from a picture such as a logo."""

    seed: Seed | None = Field(default=None, description="Any CSS colour: #3b82f6, rebeccapurple, oklch(70% 0.2 140).")
    source: AssetReference | None = Field(
        default=None, description="In place of seed: a picture (PNG, JPEG, GIF, WebP, SVG) whose colours are taken."
    )
    name: ThemeName = Field(default="theme", description="Goes before each CSS variable: --theme-primary.")
    format: Literal["all", "tokens", "css", "tailwind", "svg", "png"] = Field(
        default="all", description="Which files: design tokens (the main result), CSS, Tailwind 4 and 3, a preview, or all."
    )
    contrast: float = Field(default=4.5, ge=4.5, le=7.0, description="Of every text on its ground, as WCAG counts it.")
    variant: Literal["faithful", "vibrant", "neutral", "monochrome"] = Field(
        default="faithful", description="How colourful it is beside the seed."
    )

    @model_validator(mode="after")
    def _check_seed(self) -> Self:
        """Refuse an input without a seed, and one with two."""
        if (self.seed is None) == (self.source is None):
            raise ValueError("give either seed, a CSS colour, or source, a picture")
        return self


THEME: Final = RendererSpec(
    job_type="theme",
    description="Design tokens, CSS and Tailwind files of a light and a dark scheme, from a colour or a picture.",
    input_model=ThemeInput,
    outputs={
        ".json": "application/json",
        ".css": "text/css",
        ".js": "text/javascript",
        ".svg": "image/svg+xml",
        ".png": "image/png",
    },
    command=engine_command("nexusd.renderers.engines.theme:render"),
    tools=("coloraide", "pillow", "resvg-py"),
    default_timeout_seconds=60.0,
    memory_max_bytes=1024**3,
    examples={"seed": {"seed": "#3b82f6", "format": "css"}, "all files": {"seed": "rebeccapurple"}},
    spares=1,
)
