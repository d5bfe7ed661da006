"""Which pages of a document are wanted, how large they may be, and what their files are called.

Owns the option `pages` (`1-3,7`), the bounds on pages and pixels, and the painting: every page of a document by Typst, single
pages from their SVG by resvg, since Typst can only paint all. Names sort by page, and all have as many digits as the last page
of the document needs, three at least: `document-001.png`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nexusd.domain.caps import Caps

SIZE: Final = re.compile(rb'<svg viewBox="0 0 ([\d.]+) ([\d.]+)" width="[\d.]+pt" height="[\d.]+pt"')
PAGE_TREE: Final = re.compile(rb"/Type\s*/Pages\b[^>]*?/Count (\d+)|/Count (\d+)[^>]*?/Type\s*/Pages\b")
POINTS_PER_INCH: Final = 72
DIGITS_MIN: Final = 3


class Page(NamedTuple):
    """One page: its number from 1 on, its SVG, and its size in points."""

    number: int
    svg: bytes
    width: float
    height: float

    def pixels(self, ppi: float) -> tuple[int, int]:
        """Return width and height in pixels."""
        return tuple(max(1, round(side / POINTS_PER_INCH * ppi)) for side in (self.width, self.height))  # type: ignore[return-value]


def check_count(count: int, caps: Caps) -> None:
    """Raise InvalidInput when a document has too many pages."""
    if count > caps.document_max_pages:
        raise InvalidInput(
            f"the document has {count:,} pages; at most {caps.document_max_pages:,} are rendered (caps.document_max_pages)"
        )


def count(pdf: bytes) -> int:
    """Return how many pages a PDF of Typst's has: the root of its page tree tells, and is never packed."""
    return max((int(found[1]) for found in PAGE_TREE.finditer(pdf)), default=1)


def choose(svgs: list[bytes], wanted: str | None) -> list[Page]:
    """Return the pages that are wanted, in the order of the document. Raises InvalidInput for pages it does not have."""
    numbers = sorted(set(numbered(wanted, len(svgs)))) if wanted else range(1, len(svgs) + 1)
    return [Page(number, svgs[number - 1], *size(svgs[number - 1])) for number in numbers]


def numbered(wanted: str, count: int) -> Iterator[int]:
    """Name the pages of `1-3,7,9-`, whose form has been checked."""
    for part in wanted.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        start, end = int(first or 1), int(last or (count if dash else first))
        if not 1 <= start <= end <= count:
            raise InvalidInput(f"pages: {part!r} is not in this document, which has {count:,} page{'s' if count > 1 else ''}")
        yield from range(start, end + 1)


def size(svg: bytes) -> tuple[float, float]:
    """Return the size of a page in points."""
    found = SIZE.match(svg)
    if found is None:
        raise AssertionError("Typst wrote an SVG whose size cannot be read")
    return float(found[1]), float(found[2])


def check_pixels(pages: list[Page], ppi: float, caps: Caps) -> None:
    """Raise InvalidInput when a page would have too many pixels."""
    for page in pages:
        width, height = page.pixels(ppi)
        if width * height > caps.picture_max_pixels:
            raise InvalidInput(
                f"page {page.number} would have {width:,} x {height:,} pixels at {ppi:g} ppi; at most "
                f"{caps.picture_max_pixels:,} are painted (caps.picture_max_pixels): choose a lower ppi"
            )


def paint(page: Page, ppi: float) -> bytes:
    """Return the PNG of one page. Its text is outlines already: no font is needed."""
    import resvg_py

    width, height = page.pixels(ppi)
    head = f'<svg viewBox="0 0 {page.width} {page.height}" width="{width}" height="{height}"'.encode()
    # The size in points is more than resvg's wrapper reads.
    svg = SIZE.sub(head, page.svg, count=1).decode()
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height, skip_system_fonts=True))


def name(number: int, count: int, extension: str) -> str:
    """Return what the file of a page is called."""
    return f"document-{number:0{max(DIGITS_MIN, len(str(count)))}}.{extension}"
