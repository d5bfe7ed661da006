"""Pictures made of pixels, opened safely: what they are their content says, how large they are is checked before decoding.

Owns the list of formats (each decoded inside Pillow; nothing that runs a program, such as PostScript), the bounds on pixels,
frames and bytes, and what a decoder's complaint means: the picture's fault, never a traceback. Leaves out colours (`pixels`).
"""

from __future__ import annotations

import importlib
import io
import struct
import warnings
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from nexusd.domain.caps import Caps

FORMATS: Final = {
    "PNG": "PngImagePlugin",
    "JPEG": "JpegImagePlugin",
    "GIF": "GifImagePlugin",
    "WEBP": "WebPImagePlugin",
    "AVIF": "AvifImagePlugin",
    "TIFF": "TiffImagePlugin",
    "ICO": "IcoImagePlugin",
    "BMP": "BmpImagePlugin",
}
HEAD_BYTES: Final = 32
FILE_MAX_BYTES: Final = 512 * 1024 * 1024
ANIMATION_FACTOR: Final = 4
"""All frames together may have so many times the pixels of one picture."""
ANIMATED: Final = ("GIF", "WEBP", "AVIF", "PNG")
PAGED: Final = ("TIFF",)
REFUSALS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    EOFError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow's readers raise for a broken file, MemoryError apart."""


def kind_of(head: bytes) -> str | None:
    """Return the format of a file that begins so: one of FORMATS, or None."""
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1", b"miaf"):
        return "AVIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    starts = {
        "PNG": (b"\x89PNG\r\n\x1a\n",),
        "JPEG": (b"\xff\xd8\xff",),
        "GIF": (b"GIF87a", b"GIF89a"),
        "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        "ICO": (b"\0\0\1\0",),
        "BMP": (b"BM",),
    }
    return next((kind for kind, known in starts.items() if head.startswith(known)), None)


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn a decoder's complaint into InvalidInput, and keep its warnings to itself."""
    from PIL import Image as images

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except images.DecompressionBombError:
            raise InvalidInput(f"{name}: the picture has too many pixels (caps.picture_max_pixels)") from None
        except REFUSALS as error:
            what = str(error).strip() or type(error).__name__
            raise InvalidInput(f"{name}: the picture is broken or cut off: {what[:200]}") from None


def open_raster(file: IO[bytes], caps: Caps, name: str) -> Image:
    """Return the picture, not yet decoded. Raises InvalidInput when it is none that can be read, or is too large."""
    from PIL import Image as images

    head = file.read(HEAD_BYTES)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    kind = kind_of(head)
    if kind is None:
        raise InvalidInput(f"{name}: {unknown(head)}; SVG, PNG, JPEG, WebP, AVIF, GIF, TIFF, ICO and BMP can be")
    if size > FILE_MAX_BYTES:
        raise InvalidInput(f"{name}: the file has {size:,} bytes; at most {FILE_MAX_BYTES:,} can be read")
    # Pillow checks before it decodes, at the double of this: for some formats inside `open`, for frames when they are sought.
    images.MAX_IMAGE_PIXELS = caps.picture_max_pixels / 2  # type: ignore[assignment]
    importlib.import_module(f"PIL.{FORMATS[kind]}")
    with refusing(name):
        picture = images.open(file, formats=(kind,))
        check_frames(picture, caps, name)
    return picture


def check_frames(picture: Image, caps: Caps, name: str) -> None:
    """Raise InvalidInput when an animation has too many frames, or too many pixels in all."""
    count = frame_count(picture)
    if count > caps.picture_max_frames:
        limit = f"at most {caps.picture_max_frames:,} can be handled (caps.picture_max_frames)"
        raise InvalidInput(f"{name}: the picture has {count:,} frames; {limit}")
    pixels = picture.width * picture.height * count
    if count > 1 and pixels > ANIMATION_FACTOR * caps.picture_max_pixels:
        limit = f"at most {ANIMATION_FACTOR} times caps.picture_max_pixels can be handled"
        raise InvalidInput(f"{name}: the {count:,} frames have {pixels:,} pixels together; {limit}")


def frame_count(picture: Image) -> int:
    """Return how many frames or pages a picture has. The pictures that a camera puts behind a JPEG are none."""
    if picture.format not in (*ANIMATED, *PAGED):
        return 1
    return int(getattr(picture, "n_frames", 1))


def size_of(content: bytes) -> tuple[int, int]:
    """Return the size of a picture as its head says; nought when it is none that can be read."""
    from PIL import Image as images

    kind = kind_of(content[:HEAD_BYTES])
    if kind is None:
        return 0, 0
    importlib.import_module(f"PIL.{FORMATS[kind]}")
    limit, images.MAX_IMAGE_PIXELS = images.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return images.open(io.BytesIO(content), formats=(kind,)).size
    except REFUSALS:
        return 0, 0
    finally:
        images.MAX_IMAGE_PIXELS = limit


def unknown(head: bytes) -> str:
    """Say what a file is instead of a picture that can be read."""
    if not head:
        return "the file is empty"
    if head.startswith(b"\x1f\x8b"):
        return "a compressed file (svgz, say) is not read; unpack it"
    if head[4:8] == b"ftyp":
        return "HEIC pictures and videos are not read; export it as JPEG or AVIF"
    if head.startswith((b"%PDF", b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return "PDF and PostScript are not read as pictures"
    return "no picture that can be read"
