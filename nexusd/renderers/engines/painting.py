"""SVG to pixels, through resvg: no network, no files, the fonts of `fonts` and those in the drawing.

Owns the bounds (of the picture, and of the pictures in it, before any is decoded) and the fonts: where none of ours has a
character, the machine's files that have it are used, and what no font has is named on stderr. The same drawing gives the same
pixels. resvg runs no scripts and fetches nothing, but would read a picture from any file that a drawing names: so a drawing
that may hold pictures or entities is made safe here, whoever drew it.
"""

from __future__ import annotations

import base64
import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from nexusd.renderers.engines import fonts
from nexusd.renderers.engines.glyphs import fonts_for
from nexusd.renderers.engines.svg_safety import make_safe
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from PIL.Image import Image

    from nexusd.renderers.engines.drawing import Drawing

PICTURE: Final = re.compile(r"""data:image/(png|jpe?g|gif|webp|svg\+xml)[^,"')]*;base64,([A-Za-z0-9+/=\s]+)""", re.IGNORECASE)
MAY_READ: Final = re.compile("image|<!", re.IGNORECASE)
SVG_TEXT: Final = "{http://www.w3.org/2000/svg}text"
PIXELS_PER_INCH: Final = 96.0


def paint(drawing: Drawing, *, scale: float = 1.0, background: str | None = None, pixels_max: int) -> Image:
    """Return the drawing in RGBA, `scale` pixels to each of its own. `background` is a CSS colour, None is transparent.

    Raises InvalidInput when it would have more than `pixels_max` pixels, or is no SVG that can be read.
    """
    from PIL import Image as images

    content = paint_png(drawing, scale=scale, background=background, pixels_max=pixels_max)
    limit, images.MAX_IMAGE_PIXELS = images.MAX_IMAGE_PIXELS, None  # its bound is checked above
    try:
        picture = images.open(io.BytesIO(content), formats=("PNG",))
        picture.load()
    finally:
        images.MAX_IMAGE_PIXELS = limit
    return picture if picture.mode == "RGBA" else picture.convert("RGBA")


def paint_png(drawing: Drawing, *, scale: float = 1.0, background: str | None = None, pixels_max: int) -> bytes:
    """Return the drawing as a PNG file. See `paint`."""
    width, height = max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))
    if width * height > pixels_max:
        most = f"at most {pixels_max:,} can be painted (caps.picture_max_pixels)"
        raise InvalidInput(f"the picture would have {width:,} x {height:,} pixels; {most}")
    svg = make_safe(drawing.svg, name="the drawing") if MAY_READ.search(drawing.svg) else drawing.svg
    check_pictures(svg, pixels_max)
    if "@font-face" not in svg:
        return _paint(svg, (width, height), background, [])
    from nexusd.renderers.engines.embedded_fonts import take_fonts

    with tempfile.TemporaryDirectory() as folder:
        return _paint(svg, (width, height), background, take_fonts(svg, Path(folder)))


def _paint(svg: str, size: tuple[int, int], background: str | None, embedded: list[Path]) -> bytes:
    import resvg_py

    ours = [*embedded, *fonts.files()]
    try:
        files = [*ours, *fonts_for(drawn_text(svg), ours)]
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                width=size[0],
                height=size[1],
                background=background,
                dpi=PIXELS_PER_INCH,
                skip_system_fonts=True,
                font_files=[str(file) for file in files],
                # Named one by one: what the generic families are is the machine's business otherwise.
                font_family=fonts.FAMILY,
                sans_serif_family=fonts.FAMILY,
                serif_family=fonts.FAMILY,
                monospace_family=fonts.FAMILY,
                cursive_family=fonts.FAMILY,
                fantasy_family=fonts.FAMILY,
            )
        )
    except (ValueError, ET.ParseError) as error:
        raise InvalidInput(f"the drawing cannot be painted: {error}") from None


def drawn_text(svg: str) -> str:
    """Return the text that is drawn, where it could hold anything but ASCII."""
    if svg.isascii() and "&#" not in svg:
        return ""
    return "".join("".join(text.itertext()) for text in ET.fromstring(svg).iter(SVG_TEXT))


def check_pictures(svg: str, pixels_max: int) -> None:
    """Raise InvalidInput when the pictures in a drawing have more than `pixels_max` pixels together."""
    if pixels_inside(svg) > pixels_max:
        most = f"more than {pixels_max:,} pixels (caps.picture_max_pixels)"
        raise InvalidInput(f"the pictures in the drawing have {most} together")


def pixels_inside(svg: str) -> int:
    """Return how many pixels the pictures in a drawing have, as their heads say."""
    if "data:image/" not in svg:
        return 0
    from nexusd.renderers.engines.raster import size_of

    total = 0
    for kind, content in PICTURE.findall(svg):
        if kind.lower() == "svg+xml":
            total += pixels_inside(base64.b64decode(content).decode("utf-8", "replace"))
        else:
            width, height = size_of(base64.b64decode(content + "=="))
            total += width * height
    return total


def warm() -> None:
    """Load resvg and the fonts."""
    from nexusd.renderers.engines.drawing import Drawing

    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><text y="8">warm</text></svg>'
    paint(Drawing(svg, 8, 8), pixels_max=64)
