"""Pictures as pages of a PDF, through Typst: an SVG stays vector and its text text, pixels stay what they are.

Owns the pages (as large as the picture, 96 pixels to the inch) and the fonts that Typst is given: those in the drawing, ours,
and the machine's where a character is in none of them. No date is written: the same picture gives the same bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from nexusd.renderers.engines import fonts
from nexusd.renderers.engines.glyphs import fonts_for
from nexusd.renderers.engines.painting import check_pictures, drawn_text
from nexusd.renderers.engines.svg_safety import SVG
from nexusd.renderers.engines.typesetting import TypesetError, Typesetting
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.engines.drawing import Drawing

NAMED_FONT: Final = re.compile(r"(\bfont(?:-family)?\s*:\s*[^;}!]*[^;}!\s])", re.IGNORECASE)
FACE: Final = re.compile(r"(@font-face\s*\{[^{}]*\})", re.IGNORECASE)
POINTS_PER_PIXEL: Final = 0.75
SIDE_MAX: Final = 19_200  # 200 inches: what PDF readers take
PAGE: Final = (
    '#page(width: {:.4f}pt, height: {:.4f}pt, margin: 0pt, fill: {}, image("{}", width: 100%, height: 100%, fit: "stretch"))\n'
)
Size = tuple[float, float]


def drawing_to_pdf(drawing: Drawing, folder: Path, size: Size, background: str | None, pixels_max: int) -> bytes:
    """Return a PDF of one page that shows a drawing. Raises InvalidInput."""
    check_pictures(drawing.svg, pixels_max)
    home = folder / "fonts"
    home.mkdir(parents=True)
    own = [*fonts.files()]
    if "@font-face" in drawing.svg:
        from nexusd.renderers.engines.embedded_fonts import take_fonts

        own = [*take_fonts(drawing.svg, home), *own]
    for number, file in enumerate([*own, *fonts_for(drawn_text(drawing.svg), own)]):
        if file.parent != home:
            (home / f"machine-{number}{file.suffix}").symlink_to(file)
    (folder / "0.svg").write_text(with_our_family(drawing.svg), "utf-8")
    return pages_to_pdf(folder, [("0.svg", size)], background)


def with_our_family(svg: str) -> str:
    """Return the drawing with our font behind every font it names: Typst's choice for an unknown one has serifs."""
    try:
        root = ET.fromstring(svg)
    except ET.ParseError as error:
        raise InvalidInput(f"the drawing cannot be read: {error}") from None
    root.set("font-family", root.get("font-family", fonts.FAMILY))
    for element in root.iter():
        if "font-family" in element.attrib:
            element.set("font-family", f"{element.attrib['font-family']}, {fonts.FAMILY}")
        if "style" in element.attrib:
            element.set("style", NAMED_FONT.sub(rf"\1, '{fonts.FAMILY}'", element.attrib["style"]))
        if element.tag == f"{{{SVG}}}style" and element.text:
            parts = FACE.split(element.text)  # a face's own name, in each second part, must stay as it is
            parts[::2] = [NAMED_FONT.sub(rf"\1, '{fonts.FAMILY}'", part) for part in parts[::2]]
            element.text = "".join(parts)
    return ET.tostring(root, "unicode")


def pages_to_pdf(folder: Path, pages: list[tuple[str, Size]], background: str | None) -> bytes:
    """Return a PDF with a page for each of these files in the folder, in this size in pixels. Raises InvalidInput."""
    (folder / "fonts").mkdir(exist_ok=True)
    for _, size in pages:
        if max(size) > SIDE_MAX:
            wanted = f"a page of {size[0]:,.0f} x {size[1]:,.0f} pixels"
            raise InvalidInput(f"{wanted} is too large; its sides are at most {SIDE_MAX:,}")
    fill = f'rgb("{background}")' if background else "none"
    main = "".join(PAGE.format(size[0] * POINTS_PER_PIXEL, size[1] * POINTS_PER_PIXEL, fill, name) for name, size in pages)
    (folder / "main.typ").write_text(main, "utf-8")
    try:
        return Typesetting(root=folder, main="main.typ", fonts=folder / "fonts").compile(format="pdf")[0]
    except TypesetError as error:
        raise InvalidInput(f"the picture cannot be put on a page: {error}") from None
