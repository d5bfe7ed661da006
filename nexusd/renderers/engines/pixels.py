"""The colours of a decoded picture, made plain: eight bits, L or RGB with or without alpha, sRGB.

Owns what each of Pillow's modes means: one bit, palettes with transparency, 16 bits and floating point (scaled, where Pillow
would cut), CMYK, YCbCr, Lab. A colour profile is applied; one that cannot be read is said on stderr and left out.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

PLAIN: Final = ("L", "LA", "RGB", "RGBA")
DEEP: Final = ("I;16", "I;16L", "I;16B", "I;16N")
COLOURS: Final = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}  # the profile's space for each mode


def plain(picture: Image, *, convert_profile: bool = True, keep_deep: bool = False) -> Image:
    """Return the picture in one of PLAIN, or in I;16 when it is so and may stay so."""
    if picture.mode in DEEP:
        return picture if keep_deep else eight_bits(picture)
    if picture.mode in ("I", "F"):
        return eight_bits(picture)
    profile = picture.info.get("icc_profile") if convert_profile else None
    if profile or picture.mode == "LAB":
        return to_srgb(picture, profile)
    return without_palette(picture)


def without_palette(picture: Image) -> Image:
    """Return the picture in one of PLAIN, its transparency kept."""
    if "transparency" in picture.info and picture.mode in ("1", "L", "P", "RGB"):
        return picture.convert("RGBA")
    if picture.mode in PLAIN:
        return picture
    if picture.mode == "P":
        return picture.convert("RGBA" if picture.palette is not None and picture.palette.mode == "RGBA" else "RGB")
    if picture.mode == "1":
        return picture.convert("L")
    return picture.convert("RGBA" if picture.mode in ("PA", "RGBa", "La") else "RGB")


def eight_bits(picture: Image) -> Image:
    """Return a picture of deep grey in L: the range of its type is scaled, white stays white."""
    if picture.mode in DEEP:
        return picture.convert("I").point(lambda value: value / 257).convert("L")
    low, high = (float(bound) for bound in picture.convert("F").getextrema())  # type: ignore[arg-type]
    whole = picture.convert("F")
    if picture.mode == "F" and low >= 0 and high <= 1:
        return whole.point(lambda value: value * 255 + 0).convert("L")
    if low >= 0 and high <= 255:
        return whole.convert("L")
    if low >= 0 and high <= 65_535:
        return whole.point(lambda value: value * (1 / 257) + 0).convert("L")
    reach = (high - low) or 1.0
    return whole.point(lambda value: value * (255 / reach) - low * 255 / reach).convert("L")


def to_srgb(picture: Image, profile: bytes | None) -> Image:
    """Return the picture with its profile (Lab's own without one) applied."""
    from PIL import ImageCms

    alpha = None
    if "A" in without_palette(picture).mode and picture.mode != "LAB":
        whole = without_palette(picture).convert("RGBA")
        alpha, picture = whole.getchannel("A"), whole.convert("RGB")
    elif picture.mode not in COLOURS:
        picture = without_palette(picture)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        space = source.profile.xcolor_space if isinstance(source, ImageCms.ImageCmsProfile) else "Lab "
        if COLOURS.get(picture.mode) != space:
            return merged(without_palette(picture), alpha)
        target = ImageCms.createProfile("sRGB")
        grey = picture.mode == "L"
        done = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        sys.stderr.write(f"the picture's colour profile cannot be used and is left out: {str(error)[:200]}\n")
        return merged(without_palette(picture), alpha)
    assert done is not None  # only when it is done in place
    done.info.pop("icc_profile", None)
    return merged(done.convert("L") if grey else done, alpha)


def merged(picture: Image, alpha: Image | None) -> Image:
    """Return the picture with this transparency."""
    if alpha is not None:
        picture = picture if picture.mode == "RGB" else picture.convert("RGB")
        picture.putalpha(alpha)
    return picture


def has_alpha(picture: Image) -> bool:
    """Whether anything of the picture may be transparent."""
    return "A" in picture.mode


def flattened(picture: Image, colour: tuple[int, int, int, int]) -> Image:
    """Return the picture on a background."""
    if not has_alpha(picture) or colour[3] == 0:
        return picture
    from PIL import Image as images

    whole = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    ground = images.new("RGBA", whole.size, colour)
    ground.alpha_composite(whole)
    return ground if colour[3] < 255 else ground.convert("RGB")
