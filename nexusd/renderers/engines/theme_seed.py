"""The seed of a theme: a CSS colour, or the colours of a picture.

A picture is made small, its transparent parts are left out, and its colours are cut into boxes (median cut), which are put
together by hue. The best hue is colourful and there is much of it; grey wins only where there is nothing else. No chance is
involved: the same picture gives the same seeds.
"""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from coloraide import Color

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from PIL.Image import Image

    from nexusd.domain.caps import Caps

SIDE_MAX: Final = 112
COLOURS: Final = 48
OPAQUE: Final = 128
COLOURFUL: Final = 0.035  # chroma below is grey to the eye
HUE_WINDOW: Final = 18.0
HUE_APART: Final = 40.0
SHARE_MIN: Final = 0.015
SEEDS_MAX: Final = 3
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "ICO")
CAP: Final = "(caps.picture_max_pixels)"
SVG_TAG: Final = re.compile(rb"<svg\b[^>]*>")


class Seed(NamedTuple):
    """A colour `#rrggbb` and how much of the picture it stands for, from 0 to 1."""

    colour: str
    share: float


class Spot(NamedTuple):
    """A colour of a picture by its OKLCH coordinates."""

    seed: Seed
    lightness: float
    chroma: float
    hue: float

    def score(self, around: float) -> float:
        """Return how good a seed it is: colourful, of middling lightness, and with much of its hue around."""
        return math.sqrt(around) * (0.25 + min(self.chroma, 0.2) / 0.2) * (1 - abs(self.lightness - 0.6) * 0.6)


def parse_colour(text: str) -> str:
    """Return a CSS colour as `#rrggbb`, brought into sRGB. Raises InvalidInput."""
    try:
        colour = Color(text)
    except ValueError:
        raise InvalidInput(f"seed: {text!r} is no CSS colour; write one such as #3b82f6 or oklch(70% 0.2 140)") from None
    if math.isnan(alpha := colour.alpha(nans=False)) or alpha < 1:
        raise InvalidInput(f"seed: {text!r} is transparent; a seed must be opaque")
    coordinates = colour.coords(nans=False)
    if not all(math.isfinite(value) and abs(value) < 1e6 for value in coordinates):
        raise InvalidInput(f"seed: {text!r} is far from any colour that can be shown")
    return str(colour.convert("srgb").fit(method="oklch-chroma").to_string(hex=True))[:7]


def seeds_of_picture(content: bytes, name: str, caps: Caps) -> list[Seed]:
    """Return up to three seeds of different hues, the best first. Raises InvalidInput when it is no picture."""
    picture = _open(content, name, caps)
    boxes = _boxes(picture)
    if not boxes:
        raise InvalidInput(f"{name}: the picture is transparent everywhere, it has no colours")
    spots = [Spot(box, *Color(box.colour).convert("oklch").coords(nans=False)) for box in boxes]
    colourful = [spot for spot in spots if spot.chroma >= COLOURFUL and 0.2 < spot.lightness < 0.97]
    if not colourful:
        middle = max(spots, key=lambda spot: (spot.seed.share * (1.1 - abs(spot.lightness - 0.55)), spot.seed.colour))
        return [middle.seed]
    return choose(colourful)


def choose(colourful: list[Spot]) -> list[Seed]:
    """Return up to three seeds whose hues are apart, each with the share of all that is near its hue."""
    around = [sum(o.seed.share for o in colourful if apart(spot.hue, o.hue) <= HUE_WINDOW) for spot in colourful]
    ranked = sorted(
        zip(colourful, around, strict=True),
        key=lambda entry: (-entry[0].score(entry[1]), -entry[0].seed.share, entry[0].seed.colour),
    )
    chosen: list[tuple[Spot, float]] = []
    for spot, share in ranked:
        if (share >= SHARE_MIN or not chosen) and all(apart(spot.hue, other.hue) >= HUE_APART for other, _ in chosen):
            chosen.append((spot, share))
    return [Seed(spot.seed.colour, share) for spot, share in chosen[:SEEDS_MAX]]


def apart(one: float, other: float) -> float:
    """Return the angle between two hues in degrees."""
    return abs((one - other + 180) % 360 - 180)


def _open(content: bytes, name: str, caps: Caps) -> Image:
    from PIL import Image as images

    from nexusd.renderers.engines.pixels import plain
    from nexusd.renderers.engines.raster import HEAD_BYTES, REFUSALS, kind_of

    kind = kind_of(content[:HEAD_BYTES])
    if kind is None and SVG_TAG.search(content[:100_000]):
        return _paint(content, name, caps)
    if kind not in FORMATS:
        raise InvalidInput(f"{name}: this is no picture in PNG, JPEG, GIF, WebP or SVG")
    images.MAX_IMAGE_PIXELS = None  # the cap below decides
    try:
        picture = images.open(io.BytesIO(content), formats=(kind,))
        if picture.width * picture.height > caps.picture_max_pixels:
            raise InvalidInput(f"{name}: the picture has more than {caps.picture_max_pixels:,} pixels {CAP}")
        picture.draft("RGB", (SIDE_MAX * 2, SIDE_MAX * 2))
        return plain(picture).convert("RGBA")
    except REFUSALS as error:
        raise InvalidInput(f"{name}: this picture cannot be read: {error}") from None


def _paint(content: bytes, name: str, caps: Caps) -> Image:
    from nexusd.renderers.engines.painting import paint
    from nexusd.renderers.engines.svg_safety import make_safe
    from nexusd.renderers.engines.svg_size import to_drawing

    try:
        svg = make_safe(content.decode("utf-8-sig"), name=name)
    except UnicodeDecodeError:
        raise InvalidInput(f"{name}: the SVG is not UTF-8 text") from None
    drawing = to_drawing(svg, name=name)
    scale = 2 * SIDE_MAX / max(drawing.width, drawing.height, 1.0)
    return paint(drawing, scale=scale, pixels_max=caps.picture_max_pixels)


def _boxes(picture: Image) -> list[Seed]:
    """Return the colours of a picture with their shares, the most frequent first."""
    from PIL import Image as images

    picture.thumbnail((SIDE_MAX, SIDE_MAX), images.Resampling.BOX)
    raw = picture.tobytes()
    opaque = b"".join(raw[at : at + 3] for at in range(0, len(raw), 4) if raw[at + 3] >= OPAQUE)
    pixels = len(opaque) // 3
    if not pixels:
        return []
    strip = images.frombytes("RGB", (pixels, 1), opaque)
    reduced = strip.quantize(colors=COLOURS, method=images.Quantize.MEDIANCUT, dither=images.Dither.NONE)
    palette = reduced.getpalette() or []
    counts = sorted(reduced.getcolors(COLOURS) or [], key=lambda entry: (-entry[0], entry[1]))
    found = []
    for count, index in counts:
        if isinstance(index, int):
            found.append(Seed(f"#{bytes(palette[3 * index : 3 * index + 3]).hex()}", count / pixels))
    return found
