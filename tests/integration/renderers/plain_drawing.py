"""A language of drawings for tests: its text on a square, and an error for what says so."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from nexusd.renderers.engines.drawing import Drawing, Style
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path


def draw(source: str, folder: Path, style: Style) -> Drawing:
    """Return a square with the text in it; leave a mark in the folder. `wrong` is refused at its line and column."""
    (folder / "mark").write_text(source)
    for number, line in enumerate(source.splitlines(), start=1):
        if "wrong" in line:
            raise InvalidInput(f"diagram.dot:{number}:{line.index('wrong') + 1}: this is wrong")
    if not source.strip():
        raise InvalidInput("the source is empty")
    text = f'<text x="4" y="50" font-family="Noto Sans" font-size="12">{escape(source.strip())} {style.theme}</text>'
    paper = f'<rect width="100" height="100" fill="{style.background}"/>'
    return Drawing(f'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">{paper}{text}</svg>', 100, 100)
