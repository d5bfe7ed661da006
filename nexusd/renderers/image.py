"""The definition of `image`: one picture to another: its format, size, frame, colours.

Owns the input model and the limits. The work is done by `engines.image`, which only the child imports.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from nexusd.contract.base import Request
from nexusd.renderers.inputs import Source
from nexusd.renderers.spec import RendererSpec, engine_command

SIDE_MAX: Final = 100_000  # the cap on pixels is what counts
ICON_SIDE_MAX: Final = 256
FORMATS_WITH_QUALITY: Final = ("jpeg", "webp", "avif")
LOSSY_FORMATS: Final = ("jpeg", "avif")
Side = Annotated[int, Field(ge=1, le=SIDE_MAX)]
Position = Literal["center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"]


class Crop(Request):
    """A part of the picture as it is shown, upright: in its pixels; of an SVG, in its own."""

    x: int = Field(default=0, ge=0, le=SIDE_MAX)
    y: int = Field(default=0, ge=0, le=SIDE_MAX)
    width: Side
    height: Side


class ImageInput(Request):
    """A picture (SVG, PNG, JPEG, WebP, AVIF, GIF, TIFF, ICO, BMP) and what becomes of it.

    In this order: turned upright as its EXIF says, cropped, rotated, flipped, resized, put on a background, written. What the
    picture is, its content says, not its name.
    """

    source: Source = Field(description="The text of an SVG, or the asset that holds a picture.")
    format: Literal["png", "jpeg", "webp", "avif", "gif", "tiff", "ico", "pdf"] = "png"
    crop: Crop | None = None
    rotate: float = Field(default=0, ge=-360, le=360, description="Degrees, clockwise.")
    flip: Literal["horizontal", "vertical"] | None = None
    width: Side | None = None
    height: Side | None = None
    fit: Literal["contain", "cover", "fill", "inside", "outside"] = Field(
        default="inside",
        description="How width and height are met: contain adds a margin, cover cuts, fill stretches; inside and outside keep "
        "the proportions and are at most, at least so large.",
    )
    position: Position = Field(default="center", description="Which part stays with fit cover, and where it goes with contain.")
    enlarge: bool = Field(default=True, description="Whether a picture that is smaller than asked for is made larger.")
    scale: float | None = Field(default=None, gt=0, le=100, description="How many times as large; instead of width and height.")
    thumbnail: Side | None = Field(
        default=None, description="The longer side at most, never enlarged; instead of width and height."
    )
    background: str | None = Field(
        default=None,
        max_length=64,
        description="A CSS colour for what is transparent and for margins. Without it transparency stays; in JPEG it is white.",
    )
    quality: int | None = Field(default=None, ge=1, le=100, description="Of JPEG, WebP and AVIF.")
    lossless: bool = Field(default=False, description="For WebP; PNG, TIFF and ICO always are.")
    metadata: Literal["strip", "keep"] = Field(
        default="strip",
        description="strip: none stay, colours become sRGB. keep: EXIF, XMP and the colour profile stay where the format can.",
    )
    sizes: list[Annotated[int, Field(ge=1, le=ICON_SIDE_MAX)]] | None = Field(
        default=None, min_length=1, max_length=20, description="The sides of the squares in an ICO; 16 to 256 without it."
    )
    frame: int | None = Field(
        default=None,
        ge=0,
        description="One frame of an animation or page of a TIFF, from 0; all without it, where that can be.",
    )

    @model_validator(mode="after")
    def _check_together(self) -> ImageInput:
        """Refuse what contradicts itself."""
        ways = [name for name in ("thumbnail", "scale") if getattr(self, name) is not None]
        if self.width is not None or self.height is not None:
            ways.append("width and height")
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)}: give one of them")
        if self.fit != "inside" and None in (self.width, self.height):
            raise ValueError(f"fit {self.fit} needs both width and height")
        if self.quality is not None and (self.format not in FORMATS_WITH_QUALITY or self.lossless):
            raise ValueError("quality is for JPEG, WebP and AVIF, and not with lossless")
        if self.lossless and self.format in LOSSY_FORMATS:
            raise ValueError(f"{self.format} cannot be lossless; webp and png can")
        if self.sizes is not None and self.format != "ico":
            raise ValueError("sizes is for the format ico")
        if self.format == "ico" and ways:
            raise ValueError(f"an ICO holds squares: give sizes instead of {ways[0]}")
        return self


LOGO: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><circle cx="32" cy="32" r="28" fill="#2563eb"/>'
    '<text x="32" y="40" font-size="24" text-anchor="middle" fill="white">nx</text></svg>'
)
IMAGE: Final = RendererSpec(
    job_type="image",
    description="Pictures from SVG, PNG, JPEG, WebP, AVIF, GIF, TIFF, ICO and BMP: converted, resized, cropped, turned.",
    input_model=ImageInput,
    outputs={
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".webp": "image/webp",
        ".avif": "image/avif",
        ".gif": "image/gif",
        ".tiff": "image/tiff",
        ".ico": "image/x-icon",
        ".pdf": "application/pdf",
    },
    command=engine_command("nexusd.renderers.engines.image:render"),
    tools=("pillow", "resvg-py", "typst"),
    default_timeout_seconds=600.0,
    memory_max_bytes=3 * 1024**3,
    examples={
        "svg": {"source": LOGO, "format": "png", "width": 256},
        "icon": {"source": LOGO, "format": "ico", "sizes": [16, 32, 48]},
        "page": {"source": LOGO, "format": "pdf"},
    },
    extensions={
        name: {} for name in (".svg", ".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".tif", ".tiff", ".ico", ".bmp")
    },
    spares=1,
)
