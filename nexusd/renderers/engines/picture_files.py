"""Pictures written to files: one function for each format, the same bytes for the same pixels.

Owns what a format cannot hold (sides, transparency, depth), its settings, and the pictures of an animation, which are made one
by one as the encoder asks for them. Nothing of the source's metadata is written unless it is given here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from PIL import Image as images

from nexusd.renderers.engines.avif_times import without_times
from nexusd.renderers.engines.pixels import eight_bits, flattened, has_alpha
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXTENSIONS: Final = {"jpeg": "jpg"}
SIDE_MAX: Final = {"jpeg": 65_535, "webp": 16_383, "gif": 65_535, "avif": 65_535}
QUALITY: Final = {"jpeg": 85, "webp": 80, "avif": 70}
ANIMATED: Final = ("gif", "webp", "avif", "png")
PAGED: Final = ("tiff", "pdf")
ICON_SIDES: Final = (16, 24, 32, 48, 64, 128, 256)
WHITE: Final = (255, 255, 255, 255)
OPAQUE_FROM: Final = 128
AVIF_THREADS: Final = 2  # a number of its own: it decides the tiles, and so the bytes
AVIF_PIXELS_MAX: Final = 50_000_000  # its encoder takes 24 bytes for each
DURATION_DEFAULT: Final = 100  # milliseconds


class Writing(NamedTuple):
    """How to write. `metadata` is what stays: `exif`, `xmp` and `icc_profile`, as bytes."""

    form: str
    quality: int | None = None
    lossless: bool = False
    metadata: dict[str, bytes] = {}  # noqa: RUF012 - never written to
    loop: int = 0


class Sequence(images.Image):
    """An animation or pages as an encoder wants them: an image that can be sought. Holds one picture at a time.

    `durations` grows as the pictures are asked for: an encoder looks up a picture's after it has taken the picture.
    """

    def __init__(self, make: Callable[[int], images.Image], count: int) -> None:
        super().__init__()
        self._make = make
        self.n_frames = count
        self.is_animated = count > 1
        self.durations: list[int] = []
        self._at = -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Show another picture. Raises EOFError behind the last, as Pillow's encoders expect."""
        if frame >= self.n_frames:
            raise EOFError("no more pictures")
        if frame == self._at:
            return
        made = self._make(frame)
        duration = int(made.info.pop("duration", DURATION_DEFAULT) or DURATION_DEFAULT)
        if frame == len(self.durations):
            self.durations.append(duration)
        self._at = frame
        self.im, self._mode, self._size = made.im, made.mode, made.size
        self.palette, self.info = made.palette, made.info

    def tell(self) -> int:
        """Return which picture is shown."""
        return self._at


def check_sides(size: tuple[int, int], form: str) -> None:
    """Raise InvalidInput when a format cannot hold a picture of this size."""
    if form == "avif" and size[0] * size[1] > AVIF_PIXELS_MAX:
        most = f"an AVIF can have at most {AVIF_PIXELS_MAX:,} here"
        raise InvalidInput(f"{size[0]:,} x {size[1]:,} pixels take more memory than there is; {most}, webp and jpeg more")
    side_max = SIDE_MAX.get(form)
    if side_max is not None and max(size) > side_max:
        raise InvalidInput(f"a {form.upper()} cannot be {size[0]:,} x {size[1]:,} pixels; its sides are at most {side_max:,}")


def fitting(picture: images.Image, form: str, *, dithered: bool) -> images.Image:
    """Return the picture in a mode that the format can hold, without the source's own notes."""
    if picture.mode == "I;16" and form not in ("png", "tiff"):
        picture = eight_bits(picture)
    if form == "jpeg":
        picture = flattened(picture, WHITE)
        picture = picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
    elif form == "gif":
        return paletted(picture, dithered=dithered)
    elif form in ("webp", "avif", "ico") and picture.mode not in ("RGB", "RGBA"):
        picture = picture.convert("RGBA" if has_alpha(picture) else "RGB")
    duration = picture.info.get("duration")
    picture.info = {} if duration is None else {"duration": duration}
    return picture


def paletted(picture: images.Image, *, dithered: bool) -> images.Image:
    """Return the picture in 256 colours; what is rather transparent than not is fully so."""
    duration = picture.info.get("duration")
    alpha = picture.convert("RGBA").getchannel("A") if has_alpha(picture) else None
    plain = picture.convert("RGB")
    colours = plain.quantize(255 if alpha else 256, method=images.Quantize.MEDIANCUT)
    if dithered and plain.getcolors(256) is None:
        colours = plain.quantize(palette=colours, dither=images.Dither.FLOYDSTEINBERG)
    colours.info = {} if duration is None else {"duration": duration}
    if alpha is not None:
        hidden = alpha.point(lambda value: 255 if value < OPAQUE_FROM else 0)
        if hidden.getbbox():
            palette = (colours.getpalette() or []) + [0] * 768
            colours.putpalette(palette[:768])
            colours.paste(255, mask=hidden.convert("1"))
            colours.info["transparency"] = 255
    return colours


def write(picture: images.Image, path: Path, writing: Writing) -> None:
    """Write a picture, or each of a Sequence. Raises InvalidInput when the format cannot hold it."""
    check_sides(picture.size, writing.form)
    settings = SETTINGS[writing.form](writing)
    if isinstance(picture, Sequence) and picture.n_frames > 1:
        settings |= {"save_all": True}
        if writing.form in ANIMATED:
            settings |= {"duration": picture.durations, "loop": writing.loop}
        if writing.form == "gif" and "transparency" in picture.info:
            settings["disposal"] = 2
    elif "transparency" in picture.info:
        settings["transparency"] = picture.info["transparency"]
    picture.save(path, writing.form.upper(), **settings, **writing.metadata)
    if writing.form == "avif":
        path.write_bytes(without_times(path.read_bytes()))


def write_icon(pictures: list[images.Image], path: Path) -> None:
    """Write an ICO of these squares."""
    pictures = sorted(pictures, key=lambda picture: picture.width)
    largest = pictures[-1]
    largest.save(path, "ICO", sizes=[picture.size for picture in pictures], append_images=pictures[:-1])


def _png(_writing: Writing) -> dict[str, Any]:
    return {}


def _jpeg(writing: Writing) -> dict[str, Any]:
    return {"quality": writing.quality or QUALITY["jpeg"], "optimize": True}


def _webp(writing: Writing) -> dict[str, Any]:
    return {"lossless": True} if writing.lossless else {"quality": writing.quality or QUALITY["webp"]}


def _avif(writing: Writing) -> dict[str, Any]:
    return {"quality": writing.quality or QUALITY["avif"], "speed": 7, "max_threads": AVIF_THREADS}


def _gif(_writing: Writing) -> dict[str, Any]:
    return {"optimize": False}


def _tiff(_writing: Writing) -> dict[str, Any]:
    return {"compression": "tiff_lzw"}


SETTINGS: Final = {"png": _png, "jpeg": _jpeg, "webp": _webp, "avif": _avif, "gif": _gif, "tiff": _tiff}
EXIF: Final = ("png", "jpeg", "webp", "avif", "tiff")
XMP: Final = ("jpeg", "webp", "avif")
