"""The picture of one slide: an image, a drawing, a page of Markdown or a plain colour, fitted to the film.

Owns the bounds on what is decoded, which kinds of files are pictures (told from their bytes, never from names), and fitting.
A slide with a motion is made larger than the film, as far as that shows more. Of an animated picture the first frame is seen.
Drawing and painting belong to `drawing` and `painting`.
"""

from __future__ import annotations

import contextlib
import math
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL.Image import Image

    from nexusd.domain.caps import Caps

FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")  # none that starts a program, or names other files
FORMATS_TEXT: Final = "png, jpeg, webp, gif, bmp, tiff, avif and svg"
HEAD_MAX_BYTES: Final = 4_096
SVG_START: Final = re.compile(rb"\s*(<\?xml|<!--|<!DOCTYPE\s+svg|<svg|<[A-Za-z]+:svg)", re.IGNORECASE)
ENLARGED_MAX_PIXELS: Final = 25_000_000  # of a slide that moves


class Area(NamedTuple):
    """Where on the film a picture goes, in pixels."""

    x: float
    y: float
    width: float
    height: float


class Canvas(NamedTuple):
    """The film's size, and how much larger than that a slide is made."""

    width: int
    height: int
    zoom: float = 1.0

    @property
    def pixels(self) -> tuple[int, int]:
        """Return the size of the slide."""
        return round(self.width * self.zoom), round(self.height * self.zoom)


def fitted(picture: Image, canvas: Canvas, area: Area, *, cover: bool, background: str) -> Image:
    """Return a picture on a slide: as large as fits in the area, or covering it all, what stands over cut off."""
    from PIL import Image as images

    slide = images.new("RGB", canvas.pixels, background)
    left, top, right, bottom = (
        round(side * canvas.zoom) for side in (area.x, area.y, area.x + area.width, area.y + area.height)
    )
    width, height = right - left, bottom - top
    choose = max if cover else min
    scale = choose(width / picture.width, height / picture.height)
    if cover:
        seen = width / scale, height / scale
        box = ((picture.width - seen[0]) / 2, (picture.height - seen[1]) / 2)
        crop = (max(box[0], 0.0), max(box[1], 0.0), min(box[0] + seen[0], picture.width), min(box[1] + seen[1], picture.height))
        part = resized(picture, (width, height), crop)
    else:
        size = (max(1, min(width, round(picture.width * scale))), max(1, min(height, round(picture.height * scale))))
        part = resized(picture, size, (0, 0, picture.width, picture.height))
    place = left + (width - part.width) // 2, top + (height - part.height) // 2
    slide.paste(part, place, part if part.mode == "RGBA" else None)
    return slide


def resized(picture: Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image:
    """Return a part of a picture in another size."""
    from PIL.Image import Resampling

    if size == picture.size and box == (0, 0, *picture.size):
        return picture
    return picture.resize(size, Resampling.LANCZOS, box=box, reducing_gap=3.0)


def enlargement(width: int, height: int, closest: float) -> float:
    """Return how much larger than the film a slide is made that is seen in parts as small as `closest`."""
    return max(1.0, min(1 / closest, math.sqrt(ENLARGED_MAX_PIXELS / (width * height))))


def is_svg(path: Path) -> bool:
    """Whether a file looks like SVG."""
    with path.open("rb") as file:
        head = file.read(HEAD_MAX_BYTES).removeprefix(b"\xef\xbb\xbf")
    return SVG_START.match(head) is not None


def open_raster(path: Path, caps: Caps, wanted: tuple[int, int]) -> Image:
    """Return a picture in RGB, or in RGBA when parts of it are transparent, upright. `wanted` is how large it is needed.

    Raises InvalidInput when it is none, is broken, or has too many pixels, which is seen before it is decoded.
    """
    from PIL import ImageOps

    from nexusd.renderers.engines import pixels

    with opened_raster(path, caps) as opened:
        opened.draft("RGB", wanted)  # a JPEG is decoded no larger than needed
        opened.load()
        shown = pixels.plain(ImageOps.exif_transpose(opened))
        return shown.convert("RGBA" if shown.has_transparency_data else "RGB")


def check_raster(path: Path, caps: Caps) -> None:
    """Raise InvalidInput when a file begins like no picture, or like one with too many pixels."""
    with opened_raster(path, caps):
        pass


@contextlib.contextmanager
def opened_raster(path: Path, caps: Caps) -> Iterator[Image]:
    """Give a picture that is not decoded yet. All that decoders raise is InvalidInput."""
    from PIL import Image as images
    from PIL import UnidentifiedImageError

    from nexusd.renderers.engines.raster import REFUSALS

    images.MAX_IMAGE_PIXELS = None  # bounded here, with the cap that the settings name
    try:
        with images.open(path, formats=FORMATS) as opened:
            if opened.width * opened.height > caps.picture_max_pixels:
                size = f"{opened.width:,} x {opened.height:,} pixels"
                raise InvalidInput(f"a picture of {size}; at most {caps.picture_max_pixels:,} (caps.picture_max_pixels)")
            yield opened
    except UnidentifiedImageError:
        raise InvalidInput(f"no picture that can be read: there are {FORMATS_TEXT}") from None
    except REFUSALS as error:
        raise InvalidInput(f"the picture is broken: {error}") from None


def plain(color: str, what: str) -> str:
    """Return a colour as `#rrggbb`. Raises InvalidInput when its name is unknown."""
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(color)[:3]
    except ValueError:
        raise InvalidInput(f"{what}: there is no colour {color!r}; write #rrggbb, or a name that CSS has") from None
    return f"#{red:02x}{green:02x}{blue:02x}"


def is_drawn(slide: dict[str, Any]) -> bool:
    """Whether a slide is drawn from text."""
    return any(slide[kind] is not None for kind in ("diagram", "chart", "markdown"))
