"""A drawing as a PDF of one page of its size, through Typst: text stays text, in our fonts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines import fonts
from nexusd.renderers.engines.typesetting import TypesetError, Typesetting
from nexusd.renderers.job import RendererFailed

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.engines.drawing import Drawing

PAGE: Final = '#set page(width: auto, height: auto, margin: 0pt)\n#image("drawing.svg")\n'


def to_pdf(folder: Path, drawing: Drawing, *, system_fonts: bool) -> bytes:
    """Return the PDF. `folder` is made for it. `system_fonts` for text that our fonts lack."""
    folder.mkdir()
    (folder / "drawing.svg").write_text(drawing.svg, "utf-8")
    (folder / "main.typ").write_text(PAGE, "utf-8")
    for file in fonts.files():
        (folder / file.name).symlink_to(file)
    try:
        return Typesetting(root=folder, main="main.typ", fonts=folder, system_fonts=system_fonts).compile(format="pdf")[0]
    except TypesetError as error:
        raise RendererFailed(f"the drawing could not be put on paper: {error}") from None
