"""What the built-in renderers take and make, by the names of files: for clients, who would else have to ask before they start.

A test holds it against the renderers themselves. Everything about other renderers, and all that is not a name, is told by
`GET /v1/renderers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Family(NamedTuple):
    """The files of one job type."""

    extensions: Mapping[str, Mapping[str, Any]]
    """Those that are sources, with the fields of the input that follow from the name."""
    formats: Mapping[str, str]
    """The values of the input's `format`, the default first, and the extensions of what comes out; "" is several files."""
    is_picture: bool = False
    """Whether a source is bytes rather than text."""
    has_default: bool = True
    """Whether the first format is what one would expect."""


FAMILIES: Final[Mapping[str, Family]] = {
    "chart": Family(
        {".vl.json": {"language": "vega-lite"}, ".vg.json": {"language": "vega"}},
        {"svg": ".svg", "png": ".png", "pdf": ".pdf", "html": ".html"},
    ),
    "diagram": Family(
        {
            ".d2": {"language": "d2"},
            ".dot": {"language": "dot"},
            ".gv": {"language": "dot"},
            ".mmd": {"language": "mermaid"},
            ".mermaid": {"language": "mermaid"},
        },
        {"svg": ".svg", "png": ".png", "pdf": ".pdf"},
    ),
    "document": Family(
        {".md": {"language": "markdown"}, ".markdown": {"language": "markdown"}, ".typ": {"language": "typst"}},
        {"pdf": ".pdf", "png": ".png", "svg": ".svg"},
    ),
    "image": Family(
        {name: {} for name in (".svg", ".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".tif", ".tiff", ".ico", ".bmp")},
        {
            "png": ".png",
            "jpeg": ".jpg",
            "webp": ".webp",
            "avif": ".avif",
            "gif": ".gif",
            "tiff": ".tiff",
            "ico": ".ico",
            "pdf": ".pdf",
        },
        is_picture=True,
        has_default=False,
    ),
    "theme": Family(
        {},
        {"all": "", "tokens": ".json", "css": ".css", "tailwind": ".tailwind.css", "svg": ".svg", "png": ".png"},
        is_picture=True,
    ),
    "video": Family({".storyboard.json": {}}, {"mp4": ".mp4", "webm": ".webm", "gif": ".gif", "png": ".png"}),
}
