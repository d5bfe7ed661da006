"""SVG to pixels, through resvg: no network, no files, the fonts of `fonts` and no others.

Owns the bound on pixels. The SVG must have been made safe before, or have been drawn by an engine of ours; resvg runs no
scripts, and reads no files beside the fonts when `resources` is none.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines import fonts
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from PIL.Image import Image

    from nexusd.renderers.engines.drawing import Drawing

MONOSPACE_FAMILY: Final = "DejaVu Sans Mono"


def paint(drawing: Drawing, *, scale: float = 1.0, background: str | None = None, pixels_max: int) -> Image:
    """Return the drawing in RGBA, `scale` pixels to each of its own. `background` is a CSS colour, None is transparent.

    Raises InvalidInput when it would have more than `pixels_max` pixels, or is no SVG that can be read.
    """
    from PIL import Image as images

    return images.open(io.BytesIO(paint_png(drawing, scale=scale, background=background, pixels_max=pixels_max))).convert(
        "RGBA"
    )


def paint_png(drawing: Drawing, *, scale: float = 1.0, background: str | None = None, pixels_max: int) -> bytes:
    """Return the drawing as a PNG file. See `paint`."""
    import resvg_py

    width, height = max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))
    if width * height > pixels_max:
        raise InvalidInput(f"the picture would have {width} x {height} pixels; at most {pixels_max:,} can be painted")
    try:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=drawing.svg,
                width=width,
                height=height,
                background=background,
                skip_system_fonts=True,
                font_files=[str(file) for file in fonts.files()],
                font_family=fonts.FAMILY,
                sans_serif_family=fonts.FAMILY,
                serif_family=fonts.FAMILY,
                monospace_family=MONOSPACE_FAMILY,
            )
        )
    except ValueError as error:
        raise InvalidInput(f"the drawing cannot be painted: {error}") from None
