"""What a Markdown document refers to: images, links, headings, footnotes. Decides what each becomes in the PDF.

Images come from the job's files (or a data: URI in the text); nothing is fetched. A picture that is not there is drawn as a box
that says so, and named in the log: a document with a hole beats no document, as long as the hole can be seen.
"""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, unquote_to_bytes

from nexusd.renderers.engines.typst_text import call, literal, words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINK: Final = re.compile(r"(?:https?|ftp)://\S|mailto:\S|tel:\S", re.IGNORECASE)
REMOTE: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
LINK_MAX_BYTES: Final = 2000  # Typst refuses addresses above 8,000
SNIFF_BYTES: Final = 1024


class References:
    """Resolves the references of one document, whose files lie in `folder`; Typst cannot read the pictures in `broken`."""

    def __init__(self, folder: Path, files: frozenset[str], broken: frozenset[str] = frozenset()) -> None:
        self._folder = folder
        self._files = files
        self._broken = broken
        self._embedded = 0
        self._warned: set[str] = set()
        self.pictures: dict[str, str] = {}
        self.labels: dict[str, str] = {}

    def image(self, address: str, alt: str, width: str = "auto") -> str:
        """Return the Typst expression that draws an image, or says why it cannot be drawn."""
        if address.startswith("data:"):
            path = self._embed(address)
        elif REMOTE.match(address):
            self._warn(f"the image {address[:300]} is remote and was not fetched")
            return self.link_wrapper(address)(call("frame", words(alt.strip() or address[:200])))
        else:
            path = self._find(address)
        if path is None:
            return self._missing(f"missing image: {address[:200]}", alt)
        kind = None if path in self._broken else sniff(self._folder / path)
        if kind is None:
            return self._missing(f"not a readable image: {path if address[:5] != 'data:' else 'data URI'}", alt)
        self.pictures[path] = kind
        return call("picture", literal(f"/{path}"), literal(kind), literal(alt), width)

    def link_wrapper(self, address: str) -> Callable[[str], str]:
        """Return what turns a link's content into Typst. Links inside the document and to the web work; others are text."""
        if address.startswith("#"):
            name = self.labels.get(unquote(address[1:]).lower())
            return (lambda content: call("goto", literal(name), content)) if name else (lambda content: content)
        if LINK.match(address) and len(address.encode("utf-8", "replace")) <= LINK_MAX_BYTES:
            return lambda content: call("link", literal(address), content)
        return lambda content: content

    def _find(self, address: str) -> str | None:
        for candidate in (address, unquote(address), unquote(re.split(r"[?#]", address, maxsplit=1)[0])):
            path = posixpath.normpath(candidate).removeprefix("/")
            if path in self._files:
                return path
        return None

    def _embed(self, address: str) -> str | None:
        header, comma, data = address.partition(",")
        try:
            encoded = header.endswith(";base64")
            content = base64.b64decode(unquote(data), validate=True) if encoded else unquote_to_bytes(data)
        except (binascii.Error, ValueError):
            return None
        if not comma or not content:
            return None
        self._embedded += 1
        path = f".nexusd-embedded-{self._embedded}"
        (self._folder / path).write_bytes(content)
        return path

    def _missing(self, reason: str, alt: str) -> str:
        self._warn(reason)
        return call("missing", words(f"{reason} ({alt.strip()})" if alt.strip() else reason))

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            sys.stderr.write(f"document.md: {message}\n")


def sniff(path: Path) -> str | None:
    """Return the format of a picture by its content, since names lie; None for what Typst cannot draw."""
    with path.open("rb") as file:
        start = file.read(SNIFF_BYTES)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "webp"
    return "svg" if re.search(rb"<svg[\s>]", start) else None
