"""Clean SVG trees to PNG and PDF, through Typst.

Typst draws SVG like a browser does, but does not read the fonts in it. So each font is taken out, put into a file under a name
of its own, and named so in the drawing; a drawing without fonts gets those of `fonts`. Text that those fonts and Typst's own
cannot draw is looked for in the fonts of the machine. A page of PDF is as large as the SVG, a PNG so many times as is asked.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines import fonts
from nexusd.renderers.engines.coverage import foreign_characters
from nexusd.renderers.engines.svg import SVG, number, write_svg
from nexusd.renderers.engines.typesetting import TypesetError, Typesetting
from nexusd.renderers.engines.woff import to_truetype
from nexusd.renderers.job import InvalidInput, RendererFailed

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

FACE: Final = re.compile(
    r"""@font-face\s*\{\s*font-family:\s*"?([\w-]+)"?;\s*src:\s*url\("data:[^,"]*;base64,([^"]+)"\);?\s*\}"""
)
PIXELS_PER_INCH: Final = 96.0  # of CSS
PAGE: Final = '#page(width: auto, height: auto, margin: 0pt, fill: none, image("{}"))\n'


class Pages:
    """The pages of one picture: SVG files and fonts in a folder, ready for Typst."""

    def __init__(self, folder: Path, trees: list[Element]) -> None:
        self._folder = folder
        self._fonts = folder / "fonts"
        self._fonts.mkdir(parents=True)
        self._sizes = [(number(tree.get("width")), number(tree.get("height"))) for tree in trees]
        self._system_fonts = any(foreign_characters("".join(text.itertext())) for tree in trees for text in texts(tree))
        for page, tree in enumerate(trees):
            if not self._take_fonts(page, tree):
                self._give_fonts()
            write_svg(tree, folder / f"{page}.svg")

    def write_png(self, page: int, path: Path, *, scale: float, pixels_max: int) -> None:
        """Paint one page, `scale` pixels to each of the SVG's. Raises InvalidInput when it would be too large."""
        width, height = (max(1, round(scale * side)) for side in self._sizes[page])
        if width * height > pixels_max:
            limit = f"at most {pixels_max:,} can be painted (caps.picture_max_pixels)"
            raise InvalidInput(f"the PNG would have {width} x {height} pixels; {limit}, use a smaller scale, svg or pdf")
        path.write_bytes(self._compile(PAGE.format(f"{page}.svg"), format="png", ppi=PIXELS_PER_INCH * scale))

    def write_pdf(self, path: Path) -> None:
        """Write all pages into one PDF."""
        pages = "".join(PAGE.format(f"{page}.svg") for page in range(len(self._sizes)))
        path.write_bytes(self._compile(pages, format="pdf"))

    def _compile(self, main: str, **options: Any) -> bytes:
        (self._folder / "main.typ").write_text(main, "utf-8")
        job = Typesetting(root=self._folder, main="main.typ", fonts=self._fonts, system_fonts=self._system_fonts)
        try:
            return job.compile(**options)[0]
        except TypesetError as error:
            raise RendererFailed(f"the drawing could not be painted: {error}") from None

    def _give_fonts(self) -> None:
        for file in fonts.files():
            if not (link := self._fonts / file.name).is_symlink():
                link.symlink_to(file)

    def _take_fonts(self, page: int, tree: Element) -> int:
        """Move the fonts of a drawing into files, let its styles call them by their new names, and return how many."""
        styles = list(tree.iter(f"{{{SVG}}}style"))
        names: dict[str, str] = {}
        faces = (face for style in styles for face in FACE.findall(style.text or ""))
        for index, (name, content) in enumerate(faces):
            # Not the old name: Typst takes a trailing "-bold" for the style and drops it from the family.
            names[name] = f"nexus{page}x{index}"
            (self._fonts / f"{names[name]}.ttf").write_bytes(to_truetype(base64.b64decode(content), names[name]))
        for style in styles:
            css = FACE.sub("", style.text or "")
            style.text = re.sub(r'"([\w-]+)"', lambda found: f'"{names.get(found[1], found[1])}"', css)
        return len(names)


def texts(tree: Element) -> list[Element]:
    """Return the elements whose text is drawn."""
    return list(tree.iter(f"{{{SVG}}}text"))
