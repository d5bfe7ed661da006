"""Where a picture goes: crop, rotation, flip, and a size that is met in one of five ways.

Pure arithmetic on sizes first (`plan`), so that what is too large is refused before any pixel is made, and an SVG is painted
in the size it is needed in; then the same steps on pixels (`apply`). Leaves out decoding and colours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from PIL.Image import Image

Size = tuple[int, int]
SHARES: Final = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0}
TRANSPARENT: Final = (0, 0, 0, 0)


class Plan(NamedTuple):
    """What is done to a picture of a certain size. `crop` is a box in it, `turned` the size after the rotation, `inner` that of
    what is shown and `outer` of all, margins included.
    """

    crop: tuple[int, int, int, int] | None
    rotate: float
    flip: str | None
    turned: Size
    inner: Size
    outer: Size
    position: str

    def is_larger_than(self, pixels_max: int) -> bool:
        """Whether a step makes more pixels than that."""
        return max(across * down for across, down in (self.turned, self.inner, self.outer)) > pixels_max


def plan(size: Size, options: dict[str, Any], *, scaled: float = 1.0) -> Plan:
    """Return what the options mean for a picture of this size. Raises InvalidInput.

    `scaled` is how many pixels stand for one of the source's own: the crop is in those.
    """
    box = crop_box(size, options["crop"], scaled) if options["crop"] else None
    shown = (box[2] - box[0], box[3] - box[1]) if box else size
    turned = rotated(shown, options["rotate"])
    inner, outer = resized(turned, options, scaled)
    return Plan(box, options["rotate"] % 360, options["flip"], turned, inner, outer, options["position"])


def crop_box(size: Size, crop: dict[str, int], scaled: float) -> tuple[int, int, int, int]:
    """Return the part that stays. Raises InvalidInput when it is not in the picture."""
    left, top = round(crop["x"] * scaled), round(crop["y"] * scaled)
    right, bottom = round((crop["x"] + crop["width"]) * scaled), round((crop["y"] + crop["height"]) * scaled)
    if right > size[0] or bottom > size[1]:
        whole = f"{round(size[0] / scaled)} x {round(size[1] / scaled)}"
        part = f"{crop['width']} x {crop['height']} at {crop['x']},{crop['y']}"
        raise InvalidInput(f"crop: {part} reaches out of the picture, which has {whole} pixels")
    return left, top, max(right, left + 1), max(bottom, top + 1)


def rotated(size: Size, degrees: float) -> Size:
    """Return the size of the upright box around a turned picture."""
    if degrees % 180 == 0:
        return size
    if degrees % 90 == 0:
        return size[1], size[0]
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    width, height = size[0] * cosine + size[1] * sine, size[0] * sine + size[1] * cosine
    return math.ceil(round(width, 6)), math.ceil(round(height, 6))


def resized(size: Size, options: dict[str, Any], scaled: float = 1.0) -> tuple[Size, Size]:
    """Return the size that a picture gets, and that of the whole: larger with `contain`, smaller with `cover`."""
    width, height, fit = options["width"], options["height"], options["fit"]
    enlarge = options["enlarge"]
    if options["thumbnail"]:
        width = height = options["thumbnail"]
        fit, enlarge = "inside", False
    if options["scale"]:
        return (same := times(size, options["scale"] / scaled)), same
    across, down = (width or 0) / size[0], (height or 0) / size[1]
    own = 1 / scaled
    if not across and not down:
        return (same := times(size, own)), same
    if fit == "fill":
        limits = (math.inf, math.inf) if enlarge else times(size, own)
        return (same := (int(min(width, limits[0])), int(min(height, limits[1])))), same
    ratio = max(across, down) if not across or not down or fit in ("cover", "outside") else min(across, down)
    ratio = ratio if enlarge else min(ratio, own)
    inner = times(size, ratio)
    if fit == "contain":
        return inner, (width, height)
    if fit == "cover":
        return inner, (min(width, inner[0]), min(height, inner[1]))
    return inner, inner


def times(size: Size, ratio: float) -> Size:
    """Return a size so many times as large, a pixel at least."""
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def apply(picture: Image, steps: Plan, background: tuple[int, int, int, int] | None) -> Image:
    """Return the picture after all steps. Margins are of the background, else transparent."""
    from PIL import Image as images

    ground = background or TRANSPARENT
    if steps.crop is not None:
        picture = picture.crop(steps.crop)
    if steps.rotate % 90 == 0:
        if steps.rotate:
            turns = {90: images.Transpose.ROTATE_270, 180: images.Transpose.ROTATE_180, 270: images.Transpose.ROTATE_90}
            picture = picture.transpose(turns[int(steps.rotate)])
    else:
        picture = picture.convert("RGBA").rotate(
            -steps.rotate, resample=images.Resampling.BICUBIC, expand=True, fillcolor=ground
        )
    if steps.flip:
        horizontal = steps.flip == "horizontal"
        picture = picture.transpose(images.Transpose.FLIP_LEFT_RIGHT if horizontal else images.Transpose.FLIP_TOP_BOTTOM)
    if picture.size != steps.inner:
        picture = picture.resize(steps.inner, images.Resampling.LANCZOS, reducing_gap=3.0)
    return placed(picture, steps, ground)


def placed(picture: Image, steps: Plan, ground: tuple[int, int, int, int]) -> Image:
    """Return the picture with a margin around it, or without what is cut."""
    if steps.outer == steps.inner:
        return picture
    across, down = shares(steps.position)
    left = round((picture.width - steps.outer[0]) * across)
    top = round((picture.height - steps.outer[1]) * down)
    if steps.outer[0] <= picture.width and steps.outer[1] <= picture.height:
        return picture.crop((left, top, left + steps.outer[0], top + steps.outer[1]))
    from PIL import Image as images

    whole = images.new("RGBA", steps.outer, ground)
    whole.paste(picture, (-left, -top))
    return whole


def shares(position: str) -> tuple[float, float]:
    """Return where a position is, from left to right and from top to bottom, each from 0 to 1."""
    words = position.split("-")
    across = next((SHARES[word] for word in words if word in ("left", "right")), 0.5)
    down = next((SHARES[word] for word in words if word in ("top", "bottom")), 0.5)
    return across, down
