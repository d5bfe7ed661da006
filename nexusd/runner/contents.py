"""What a generated file is, by its first bytes and never by its name alone: its content type, and how large a picture it is.

Owns the rules; everything blocks. Leaves out uploads: their type is what the client says it is.

The type that the renderer declares for an extension holds when the bytes agree, or when it is one that no signature tells.
HTML and SVG are called what they are, whatever was declared: a browser would run them. The rest is octet-stream.

Invariant: hostile bytes make a type or a size unknown, nothing worse. The engines are imported when the first file needs them.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nexusd.storage.directories import open_below, split_relative

if TYPE_CHECKING:
    from nexusd.storage import WorkFile

HEAD_BYTES: Final = 64 * 1024
UNKNOWN: Final = "application/octet-stream"
HTML: Final = "text/html"
SVG: Final = "image/svg+xml"
PIXELS_MAX: Final = 2**31 - 1
SIGNED: Final = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/avif",
        "image/x-icon",
        "application/pdf",
        "video/mp4",
        "video/webm",
    }
)
"""The types that have a signature which can be trusted."""
ALIASES: Final = {"image/vnd.microsoft.icon": "image/x-icon", "image/jpg": "image/jpeg"}
MP4_BRANDS: Final = frozenset({b"iso%d" % version for version in range(2, 10)} | {b"avc1", b"dash", b"cmfc", b"cmf2", b"msdh"})
"""Those that puremagic has not heard of."""
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")

# What may come before the first tag. Possessive: hostile text cannot make it try again and again.
_PROLOGUE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?+(?:\s++|<\?.*?\?>|<!--.*?-->|<!doctype(?!\s+html)[^>\[]*+(?:\[.*?\]\s*+)?+>)*+",
    re.IGNORECASE | re.DOTALL,
)
_SVG_TAG: Final = re.compile(rb"<(?:[\w.-]+:)?svg(?=[\s/>]|\Z)[^>]*+>?", re.IGNORECASE)
_VIEW_BOX: Final = re.compile(rb"""\sviewBox\s*=\s*["']\s*[-+.\de]+[\s,]+[-+.\de]+[\s,]+([.\de]+)[\s,]+([.\de]+)""")
_HTML_TAG: Final = re.compile(
    rb"<(?:!doctype\s+html|!--|\?|(?:a|b|base|body|br|div|embed|font|form|h1|head|html|iframe|img|link|math|meta|object|p|script"
    rb"|style|table|title|video)(?:[\s/>]|\Z))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file is. Pixels, for a picture that says how large it is."""

    content_type: str
    width: int | None = None
    height: int | None = None


def read_head(work: WorkFile) -> bytes:
    """Return the first bytes of a child's result; b"" when it is no plain file or cannot be read: storing it will tell."""
    try:
        *folders, name = split_relative(work.name)
        with open_below(work.directory, folders) as parent:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            try:
                return os.pread(descriptor, HEAD_BYTES, 0)
            finally:
                os.close(descriptor)
    except (OSError, ValueError):
        return b""


def examine(head: bytes, declared: str | None) -> Content:
    """Tell what a file with these first bytes is. `declared` is what the renderer says of its extension, if it does."""
    content_type = find_markup(head) or _confirm(head, declared)
    if not content_type.startswith("image/"):
        return Content(content_type)
    width, height = _measure_svg(head) if content_type == SVG else _measure(head)
    if not (0 < width <= PIXELS_MAX and 0 < height <= PIXELS_MAX):
        return Content(content_type)
    return Content(content_type, round(width), round(height))


def find_markup(head: bytes) -> str | None:
    """Return the type of what a browser would run, by its first tag; None for anything else.

    Source: WHATWG MIME Sniffing §7.1, with SVG and a few tags more.
    """
    text = _to_utf_8(head)
    start = _first_tag(text)
    if _SVG_TAG.match(text, start):
        return SVG
    return HTML if _HTML_TAG.match(text, start) else None


def _confirm(head: bytes, declared: str | None) -> str:
    known = None if declared is None else ALIASES.get(declared, declared)
    if known is None:
        return next(iter(sorted(_find_signed(head))), UNKNOWN)
    if known in {HTML, SVG}:
        return UNKNOWN  # the first tag would have said so
    if known in SIGNED:
        return known if known in _find_signed(head) else UNKNOWN
    if known.startswith("text/") and b"\0" in head and not head.startswith(UTF_16):
        return UNKNOWN
    return known


def _find_signed(head: bytes) -> set[str]:
    """Return the trusted types whose signature these bytes bear, the surest ones only."""
    if not head:
        return set()
    import puremagic

    try:
        found = puremagic.magic_string(head)
    except puremagic.PureError:
        found = []
    if not found and head[4:8] == b"ftyp" and head[8:12] in MP4_BRANDS:
        return {"video/mp4"}
    surest = max((match.confidence for match in found), default=0)
    return {match.mime_type for match in found if match.confidence == surest} & SIGNED


def _measure(head: bytes) -> tuple[float, float]:
    import imagesize

    width, height = imagesize.get(io.BytesIO(head))  # answers (-1, -1) whatever is wrong with them
    return width, height


def _measure_svg(head: bytes) -> tuple[float, float]:
    """The size is that of the outermost tag alone: its attributes, or else its view box."""
    text = _to_utf_8(head)
    tag = _SVG_TAG.match(text, _first_tag(text))
    if tag is None:
        return -1, -1
    attributes = tag.group()[tag.group().lower().index(b"svg") + len(b"svg") :]
    size = _measure(b"<svg" + attributes)
    if size != (-1, -1):
        return size
    box = _VIEW_BOX.search(attributes)
    try:
        return (float(box[1]), float(box[2])) if box else (-1, -1)
    except ValueError:
        return -1, -1


def _first_tag(text: bytes) -> int:
    found = _PROLOGUE.match(text)
    return 0 if found is None else found.end()


def _to_utf_8(head: bytes) -> bytes:
    return head.decode("utf-16", "ignore").encode() if head.startswith(UTF_16) else head
