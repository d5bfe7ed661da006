"""What is written on a slide: title, subtitle and caption, as one SVG that is laid over the picture.

Owns wrapping, sizes and places, and what makes text legible: on a picture it is white on a scrim, a shade that fades away
towards the middle; on a plain ground it is black or white, whichever differs more. Painting is `painting`'s, and with it the
fonts, the shaping and the order of right-to-left text. Such a line begins at the right. Chinese, Japanese and Thai are wrapped
between any two characters. Text that does not fit is made smaller, down to `SMALLEST`, below which nobody could read it.
"""

from __future__ import annotations

import functools
import unicodedata
from html import escape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.renderers.colours import luminance
from nexusd.renderers.engines import fonts
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBTITLE: Final = 0.52  # of the title's size
CAPTION: Final = 0.55
LINE: Final = 1.22  # from one base line to the next, of the text's size
ASCENT: Final = 0.98
GAP: Final = 0.45  # between the texts, of the subtitle's size
MARGIN: Final = 0.07  # of the shorter side
WIDTH_MAX: Final = 0.86  # of the film's width
HEIGHT_MAX: Final = 0.8
SHRINK: Final = 0.92
SMALLEST: Final = 0.018  # of the shorter side
SLACK: Final = 1.04  # a line is measured without kerning, and with one face
MEASURED_AT: Final = 100
RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
UNSPACED: Final = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "IDEOGRAPHIC", "FULLWIDTH")
MARK: Final = "\u200f"  # keeps what ends a right-to-left line, a full stop say, at its end
WHITE: Final = "#ffffff"
BLACK: Final = "#111111"
SCRIM: Final = 0.68  # opacity where it is darkest


class Line(NamedTuple):
    """One line of text, and its style."""

    text: str
    size: float
    bold: bool
    strength: float = 1.0


class Block(NamedTuple):
    """Lines below each other, and how high they are together."""

    lines: tuple[Line, ...] = ()
    height: float = 0.0


class Titles(NamedTuple):
    """The texts of one slide, ready to be placed on a film of that size. `place` is of title and subtitle."""

    head: Block
    caption: Block
    place: str
    width: int
    height: int

    def __bool__(self) -> bool:
        return bool(self.head.lines or self.caption.lines)

    @property
    def margin(self) -> float:
        """Return how far text stays from the edges."""
        return MARGIN * min(self.width, self.height)

    @property
    def room(self) -> tuple[float, float]:
        """Return how much of the height is taken by text at the top and at the bottom."""
        top = self.head.height + 1.6 * self.margin if self.head.lines and self.place == "top" else 0.0
        below = [block for block in (self.head if self.place == "bottom" else Block(), self.caption) if block.lines]
        bottom = sum(block.height for block in below) + (1.2 + 0.5 * len(below)) * self.margin if below else 0.0
        return top, bottom


def set_titles(slide: dict[str, Any], place: str, width: int, height: int) -> Titles:
    """Wrap the texts of a slide. Raises InvalidInput when they cannot be fitted in a size that can be read."""
    unit = min(width, height)
    size = slide["titleSize"] * unit
    share = 1.0
    while True:
        head = [*lines(slide["title"], size * share, width, bold=True)]
        subtitle = [*lines(slide["subtitle"], max(size * share * SUBTITLE, SMALLEST * unit), width, strength=0.86)]
        caption = [*lines(slide["caption"], max(size * share * CAPTION, SMALLEST * unit), width)]
        if sum(line.size * LINE for line in (*head, *subtitle, *caption)) <= HEIGHT_MAX * height:
            return Titles(block(head, subtitle), block(caption), place, width, height)
        share *= SHRINK
        if size * share < SMALLEST * unit:
            raise InvalidInput("the texts are too long to be read on a slide: shorten them, or make two slides")


def block(*parts: list[Line]) -> Block:
    """Return lines that belong together, with a gap between the parts."""
    lines_ = tuple(line for part in parts for line in part)
    gaps = GAP * parts[-1][0].size if sum(map(bool, parts)) > 1 else 0.0
    return Block(lines_, sum(line.size * LINE for line in lines_) + gaps)


def lines(text: str, size: float, width: int, *, bold: bool = False, strength: float = 1.0) -> Iterator[Line]:
    """Wrap a text at spaces, where it has them, to the width of the film."""
    longest = WIDTH_MAX * width / (size * SLACK)
    for paragraph in text.split("\n") if text else ():
        line = ""
        for piece in pieces(printable(paragraph)):
            if line and measure((line + piece).rstrip(), bold=bold) > longest:
                yield Line(line.rstrip(), size, bold, strength)
                line = ""
            line += piece.lstrip() if not line else piece
            while measure(line.rstrip(), bold=bold) > longest and len(line) > 1:  # a word that no line can hold
                end = next(end for end in range(len(line) - 1, 0, -1) if end == 1 or measure(line[:end], bold=bold) <= longest)
                yield Line(line[:end], size, bold, strength)
                line = line[end:]
        yield Line(line.rstrip(), size, bold, strength)


def pieces(text: str) -> Iterator[str]:
    """Return a text in the pieces between which a line may end: words with the space after them, or characters."""
    piece = ""
    for character in text:
        if piece and may_end(piece[-1], character):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def may_end(last: str, following: str) -> bool:
    """Whether a line may end between two characters. Closing punctuation and marks begin no line."""
    if unicodedata.category(following) in {"Po", "Pe", "Pf", "Mn", "Mc"}:
        return False
    return last == " " != following or is_unspaced(following) or is_unspaced(last)


@functools.cache
def is_unspaced(character: str) -> bool:
    """Whether a script is written without spaces between its words."""
    return ord(character) > 0x0E00 and unicodedata.name(character, "").startswith(UNSPACED)


def printable(text: str) -> str:
    """Return the text without what XML cannot hold, and with single spaces."""
    return " ".join("".join(one for one in text if unicodedata.category(one) not in {"Cc", "Cs", "Cn"} or one == "\t").split())


def measure(text: str, *, bold: bool) -> float:
    """Return how wide a text is, of its size: a little too much rather than too little."""
    return sum(advance(character, bold=bold) for character in text)


@functools.cache
def advance(character: str, *, bold: bool) -> float:
    """Return the width of one character in Noto Sans. What it lacks is taken to be as wide as its missing sign, or square."""
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    return float(font(bold=bold).getlength(character)) / MEASURED_AT


@functools.cache
def font(*, bold: bool) -> Any:
    """Return the face that is measured."""
    from PIL import ImageFont

    return ImageFont.truetype(str(fonts.face(bold=bold)), MEASURED_AT, layout_engine=ImageFont.Layout.BASIC)


def draw_titles(titles: Titles, *, ground: str | None) -> str:
    """Return the texts as an SVG of the film's size. `ground` is the plain colour behind all of it, None is a picture."""
    color = contrast(ground) if ground else WHITE
    parts = [] if ground else [*scrims(titles)]
    for height, texts in placed(titles):
        y = height
        for number, line in enumerate(texts.lines):
            if number and line.size != texts.lines[number - 1].size:
                y += GAP * line.size
            parts.append(text_element(line, y + ASCENT * line.size, titles, color, outlined=not ground))
            y += LINE * line.size
    size = f'width="{titles.width}" height="{titles.height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def placed(titles: Titles) -> Iterator[tuple[float, Block]]:
    """Return where each block begins, from the top."""
    bottom = titles.height - titles.margin
    if titles.caption.lines:
        bottom -= titles.caption.height
        yield bottom, titles.caption
        bottom -= 0.5 * titles.margin
    if titles.head.lines:
        middle = (titles.height - titles.head.height) / 2
        places = {
            "top": titles.margin,
            "center": min(middle, bottom - titles.head.height),
            "bottom": bottom - titles.head.height,
        }
        yield places[titles.place], titles.head


def text_element(line: Line, y: float, titles: Titles, color: str, *, outlined: bool) -> str:
    """Return one line: in the middle when the titles are, else from the side on which its script begins."""
    reversed_ = is_right_to_left(line.text)
    if titles.place == "bottom" and titles.head.lines:
        x, anchor = (
            (titles.width * WIDTH_MAX + (1 - WIDTH_MAX) / 2 * titles.width, "end") if reversed_ else (side(titles), "start")
        )
    else:
        x, anchor = titles.width / 2, "middle"
    text = f"{MARK}{line.text}{MARK}" if reversed_ else line.text
    outline = f' stroke="#000000" stroke-opacity="0.3" stroke-width="{line.size * 0.07:.2f}" paint-order="stroke"'
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" font-family="{fonts.FAMILY}" font-size="{line.size:.2f}"'
        f' font-weight="{"bold" if line.bold else "normal"}" fill="{color}" fill-opacity="{line.strength:g}"'
        f' stroke-linejoin="round"{outline if outlined else ""} xml:space="preserve">{escape(text, quote=False)}</text>'
    )


def side(titles: Titles) -> float:
    """Return where lines begin that begin at the left."""
    return (1 - WIDTH_MAX) / 2 * titles.width


def is_right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction goes from right to left."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((found in RIGHT_TO_LEFT for found in directions if found == "L" or found in RIGHT_TO_LEFT), False)


def scrims(titles: Titles) -> Iterator[str]:
    """Return the shades behind the texts."""
    top, bottom = titles.room
    width, height = titles.width, titles.height
    if top:
        yield shade("top", 0, top * 1.45, width, ((0, SCRIM), (0.55, SCRIM * 0.72), (1, 0)))
    if bottom:
        yield shade("bottom", height - bottom * 1.6, bottom * 1.6, width, ((0, 0), (0.45, SCRIM * 0.72), (1, SCRIM)))
    if titles.head.lines and titles.place == "center":
        start = next(height for height, block in placed(titles) if block is titles.head) - 2 * titles.margin
        stops = ((0, 0), (0.25, SCRIM * 0.8), (0.75, SCRIM * 0.8), (1, 0))
        yield shade("center", start, titles.head.height + 4 * titles.margin, width, stops)


def shade(name: str, y: float, height: float, width: int, stops: tuple[tuple[float, float], ...]) -> str:
    """Return a band of black that fades as `stops` say: (where, how opaque)."""
    colors = "".join(f'<stop offset="{at:g}" stop-color="#000000" stop-opacity="{opacity:g}"/>' for at, opacity in stops)
    gradient = f'<linearGradient id="{name}" x1="0" y1="0" x2="0" y2="1">{colors}</linearGradient>'
    return f'<defs>{gradient}</defs><rect x="0" y="{y:.2f}" width="{width}" height="{height:.2f}" fill="url(#{name})"/>'


def contrast(color: str) -> str:
    """Return black or white, whichever differs more from a `#rrggbb` colour. Source: WCAG 2.2, relative luminance."""
    return BLACK if luminance(color) > 0.179 else WHITE
