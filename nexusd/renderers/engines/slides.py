"""One slide of Markdown to a picture: what a video shows.

The text is set large in a sans-serif face, in the middle of the height, on a page of exactly the picture's size; no page
number. A slide of headings and a few words alone is centred across, too: a title. What does not fit is made smaller step by
step, down to `SCALES[-1]`; what still does not fit is refused, since nobody could read it. Small pictures grow with the text;
drawings and formulas work as they do in documents. All sizes hang on the shorter side of the picture, so that a slide looks the
same in any resolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines import style
from nexusd.renderers.engines.coverage import foreign_characters
from nexusd.renderers.engines.figures import DEFAULTS, Figures
from nexusd.renderers.engines.manuscript import Manuscript, Text
from nexusd.renderers.engines.typst_text import array, call, group
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.domain.caps import Caps
    from nexusd.renderers.engines.markdown import Converted

SIDE_MAX: Final = 8192  # pixels
SCALES: Final = (1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 0.45, 0.38, 0.32)
TITLE_MAX_LENGTH: Final = 200
FRAME: Final = """
#set page(width: {width}pt, height: {height}pt, margin: (x: {side}pt, y: {edge}pt), fill: paper-fill, footer: none)
"""
SLIDE: Final = """
#show heading: set block(above: 1.1em, below: 0.7em)
#show raw.where(block: true): set text(size: 0.9em)
#show raw.where(block: true): it => block(fill: shade, width: 100%, inset: 0.8em, radius: 0.35em, it)
#set table(inset: (x: 0.7em, y: 0.5em))
#set par(leading: 0.62em, spacing: 0.95em)
#let natural = picture
#let picture(path, format, alt, width) = box(layout(size => {
  let drawn = measure(natural(path, format, alt, auto))
  let wanted = if width == auto { drawn.width * grown } else { measure(natural(path, format, alt, width)).width * grown }
  let fitting = calc.min(wanted, size.width, drawn.width * (tallest / drawn.height))
  image(path, format: format, alt: alt, width: fitting)
}))
#let drawn(path, alt, width, caption) = layout(size => {
  let it = image(path, format: "svg", alt: alt)
  let natural = measure(it)
  let fitting = calc.min(size.width, natural.width * (tallest / natural.height), natural.width * grown)
  align(center, image(path, format: "svg", alt: alt, width: fitting))
  if caption != "" { align(center, text(size: 0.8em, fill: faint, caption)) }
})
#let slide(scales, place-text, body) = layout(size => {
  let found = none
  for scale in scales {
    let set-body = block(width: size.width, { set text(size: 1em * scale); body })
    if found == none and measure(set-body, width: size.width).height <= size.height { found = set-body }
  }
  // Two pages say that it does not fit.
  if found == none { 2 * block(height: size.height) } else { block(..size, align(place-text, found)) }
})
"""
OVERFLOW: Final = "the slide holds more than fits on it: shorten its text, or make two of it"


def set_slide(markdown: str, folder: Path, width: int, height: int, *, dark: bool = False, caps: Caps = DEFAULTS) -> bytes:
    """Return the slide as a PNG of exactly `width` x `height` pixels.

    Pictures are looked for below `folder`, which must hold no symbolic links; files whose names start with `.nexusd` are
    written there. Raises InvalidInput when the slide holds more than fits.
    """
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise InvalidInput(f"a slide has 1 to {SIDE_MAX} pixels on each side, not {width} x {height}")
    files = frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if is_picture_place(path))
    figures = Figures(folder, "dark" if dark else "light", caps)
    manuscript = Manuscript(
        Text(markdown, folder, files, figures, bool(foreign_characters(markdown))),
        lambda converted: compose(converted, width, height, dark=dark),
    )
    pages = manuscript.typeset(format="png", ppi=72)
    if len(pages) != 1:
        raise InvalidInput(OVERFLOW)
    return pages[0]


def compose(converted: Converted, width: int, height: int, *, dark: bool) -> str:
    """Return the Typst code of a slide. A point of the page is a pixel of the picture."""
    unit = min(width * 0.75, height) / 100
    frame = FRAME.format(width=width, height=height, side=f"{unit * 11:g}", edge=f"{unit * 7:g}")
    sizes = f"#let grown = {unit / 3:g}\n#let tallest = {height * 0.66:g}pt\n"
    text = style.text("sans", f"{unit * 5.2:g}pt")
    title = converted.kinds <= {"heading", "paragraph"} and converted.length <= TITLE_MAX_LENGTH
    place = "center + horizon" if title else "start + horizon"
    slide = call("slide", array(map(str, SCALES)), place, group(converted.blocks))
    return style.palette("dark" if dark else "light") + frame + text + style.COMMON + sizes + SLIDE + f"#{slide}\n"


def is_picture_place(path: Path) -> bool:
    """Whether a slide may show what lies here."""
    return path.is_file() and not path.is_symlink() and not path.name.startswith(".nexusd")
