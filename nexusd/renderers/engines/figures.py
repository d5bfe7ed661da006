"""The fences of a Markdown document that are pictures told in text: diagrams and charts, drawn where they stand.

What stands behind the language of a fence says more: ```` ```d2 "The parts" width=60% ```` or, as Pandoc and Quarto write it,
```` ```{.dot caption="The parts" width=8cm} ````. An error in a fence names the line in the document. Each text is drawn once,
however often it is asked for. Leaves out how: that is `drawing`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from nexusd.domain.caps import Caps
from nexusd.renderers.engines.drawing import Language, Style, draw
from nexusd.renderers.engines.style import PALETTES
from nexusd.renderers.engines.typst_text import call, literal
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LANGUAGES: Final[dict[str, Language]] = {name: name for name in get_args(Language)} | {
    "graphviz": "dot", "gv": "dot", "mmd": "mermaid", "vegalite": "vega-lite", "vl": "vega-lite",
}  # fmt: skip
DEFAULTS: Final = Caps()
COUNT_MAX: Final = 200
INFO: Final = re.compile(r"\{?\s*\.?([\w-]+)")
NAMED: Final = re.compile(r"""([\w-]+)\s*=\s*("[^"]*"|'[^']*'|[^\s}]+)""")
QUOTED: Final = re.compile(r"""(?<!=)(?:^|\s)["']([^"']+)["']""")
LENGTH: Final = re.compile(r"(\d{1,4}(?:\.\d+)?)(%|px|cm|mm|in|pt)?")
POINTS_PER_PIXEL: Final = 0.75
PLACE: Final = re.compile(r"^(?P<name>[\w.-]+?):(?:(?P<line>\d+):)?(?P<rest>.*)", re.DOTALL)


class Info(NamedTuple):
    """What stands behind the three backticks of a fence that is drawn."""

    language: Language
    caption: str = ""
    width: str = "auto"


class Figures:
    """Draws the fences of one document into `folder`, and says how many are done. Without a theme, the document's own holds."""

    def __init__(
        self, folder: Path, theme: str | None = None, caps: Caps = DEFAULTS, said: Callable[[int], None] = lambda _count: None
    ) -> None:
        self._folder = folder
        self._theme = theme
        self._caps = caps
        self._said = said
        self._drawn: dict[tuple[str, str], str] = {}

    def choose_theme(self, theme: str | None) -> None:
        """Take the theme of the document, unless one was given."""
        self._theme = self._theme or theme

    def figure(self, info: str, source: str, line: int) -> str | None:
        """Return the Typst expression of a fence's picture, or None for a fence that is code. Raises InvalidInput."""
        told = read_info(info)
        if told is None:
            return None
        path = self._drawn.get((told.language, source)) or self._draw(told.language, source, line)
        alt = told.caption or f"{told.language} drawing"
        return call("drawn", literal(path), literal(alt), told.width, literal(told.caption))

    def _draw(self, language: Language, source: str, line: int) -> str:
        number = len(self._drawn) + 1
        if number > COUNT_MAX:
            raise InvalidInput(f"document.md:{line}: more than {COUNT_MAX} drawings in one document")
        try:
            drawing = draw(language, source, self._folder / f".nexusd-drawing-{number}", self._style())
        except InvalidInput as error:
            raise InvalidInput(relocated(str(error), language, line)) from None
        name = f".nexusd-drawing-{number}.svg"
        (self._folder / name).write_text(drawing.svg, "utf-8")
        self._drawn[language, source] = f"/{name}"
        self._said(number)
        return f"/{name}"

    def _style(self) -> Style:
        """Return a style whose background is the paper's."""
        theme = self._theme or "light"
        return Style(theme=theme, background=PALETTES[theme]["paper-fill"], caps=self._caps)


def read_info(info: str) -> Info | None:
    """Return what the line of a fence says, or None when its language is not drawn."""
    found = INFO.match(info.strip())
    language = LANGUAGES.get(found[1].lower()) if found else None
    if language is None:
        return None
    named = {name: value.strip("\"'") for name, value in NAMED.findall(info)}
    quoted = QUOTED.search(NAMED.sub("", info))
    caption = named.get("caption") or named.get("fig-cap") or named.get("title") or (quoted[1] if quoted else "")
    return Info(language, caption, length(named.get("width", "")))


def length(text: str) -> str:
    """Return a width as Typst writes it."""
    found = LENGTH.fullmatch(text)
    if not found or not float(found[1]):
        return "auto"
    if found[2] in (None, "px"):
        return f"{float(found[1]) * POINTS_PER_PIXEL:g}pt"
    return f"{min(float(found[1]), 100):g}%" if found[2] == "%" else found[1] + found[2]


def relocated(message: str, language: str, line: int) -> str:
    """Return an error of a drawing with the lines of the document: `line` is where the fence begins."""
    lines = []
    for told in message.splitlines():
        place = PLACE.match(told)
        if place and place["line"]:
            lines.append(f"document.md:{line + int(place['line'])}:{place['rest']}")
        else:
            lines.append(told)
    if not lines[0].startswith("document.md:"):
        lines[0] = f"document.md:{line}: {lines[0]}"
    return "\n".join([*lines, f"(in the {language} fence of line {line})"])
