"""The HTML that READMEs hold: a little of it is drawn, the rest is read for its text.

Drawn: bold, italic, code, struck, raised and lowered text, links, images, line breaks, rules, headings. Other tags only divide
paragraphs. Comments, scripts and styles vanish. Text is never lost, and no HTML can make a document fail.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.inline_builder import BREAK
from nexusd.renderers.engines.typst_text import call, group

if TYPE_CHECKING:
    from nexusd.renderers.engines.inline_builder import InlineBuilder
    from nexusd.renderers.engines.references import References

WRAPPERS: Final = {
    "b": "strong", "strong": "strong", "i": "emph", "em": "emph", "cite": "emph", "var": "emph", "s": "strike", "del": "strike",
    "strike": "strike", "sub": "sub", "sup": "super", "u": "underline", "ins": "underline", "mark": "highlight",
    "code": "frame", "kbd": "frame", "samp": "frame", "tt": "frame", "summary": "strong", "th": "strong", "dt": "strong",
    "small": "caption",
}  # fmt: skip
BLOCK_NAMES: Final = """
p div li tr table ul ol dl dt dd details summary blockquote center pre section article header footer figure figcaption
h1 h2 h3 h4 h5 h6 picture main nav aside
"""
BLOCKS: Final = frozenset(BLOCK_NAMES.split())
INERT_NAMES: Final = """
a abbr acronym address area audio base big body br button canvas caption col colgroup data datalist dfn embed fieldset font form
hr html iframe img input label legend link map meta meter nobr noscript object optgroup option output param picture progress q
select source span tbody td textarea tfoot thead time track tr video wbr
"""
KNOWN: Final = BLOCKS | frozenset(INERT_NAMES.split()) | WRAPPERS.keys()
SIDES: Final = {"center": "center", "middle": "center", "right": "right"}
HEADING: Final = re.compile(r"h([1-6])")
HIDDEN: Final = frozenset({"script", "style", "template", "head", "title"})
PIXELS: Final = re.compile(r"\s*(\d{1,4})(?:\.\d+)?\s*(px|%)?\s*")


class HtmlReader(HTMLParser):
    """Reads fragments of HTML into a builder. `breaks` says whether block tags may divide paragraphs."""

    def __init__(self, builder: InlineBuilder, references: References, *, breaks: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._builder = builder
        self._references = references
        self._breaks = breaks
        self._hidden = 0
        self._side = ""
        self._level = ""
        self._blocks: list[str] = []

    def finish(self) -> list[str]:
        """Return the blocks read, each as an expression."""
        self.close()
        self._divide()
        return self._blocks

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Draw or open what the tag means. A tag that HTML does not have is text: `pip install <package>`."""
        values = {name: value or "" for name, value in attrs}
        if tag in HIDDEN:
            self._hidden += 1
        elif tag not in KNOWN:
            self.handle_data(self.get_starttag_text() or "")
        elif tag in BLOCKS:
            self._open_block(tag, values)
        if tag == "br":
            self._builder.add(BREAK)
        elif tag == "hr" and self._breaks:
            self._divide()
            self._blocks.append("rule()")
        elif tag == "img":
            self._builder.add(
                self._references.image(values.get("src", ""), values.get("alt", ""), width(values.get("width", "")))
            )
        elif tag == "a":
            self._builder.open("html a", self._references.link_wrapper(values.get("href", "")))
        elif tag in WRAPPERS:
            self._builder.open(f"html {tag}", lambda content: call(WRAPPERS[tag], content))

    def handle_endtag(self, tag: str) -> None:
        """Close what the tag closes, if anything."""
        if tag in HIDDEN:
            self._hidden = max(self._hidden - 1, 0)
        elif tag not in KNOWN:
            self.handle_data(f"</{tag}>")
        self._builder.close(f"html {tag}")
        if tag in BLOCKS:
            self._divide()
        elif tag in ("td", "th"):
            self._builder.add("h(1em)")

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if not self._hidden:
            self._builder.text(data)

    def _open_block(self, tag: str, values: dict[str, str]) -> None:
        self._divide()
        self._side = "center" if tag == "center" else SIDES.get(values.get("align", "").lower(), self._side)
        heading = HEADING.fullmatch(tag)
        self._level = heading[1] if heading else self._level

    def _divide(self) -> None:
        if not self._breaks:
            return
        parts = [part for part in self._builder.take() if part != '""']
        if any(part not in ('" "', BREAK) for part in parts):
            content = group(parts)
            block = call("heading", f"level: {self._level}", content) if self._level else call("par", content)
            self._blocks.append(call("align", self._side, block) if self._side else block)
        self._level = ""


def width(text: str) -> str:
    """Return an HTML width as a Typst length: pixels of 1/96 inch, percent of the line, or `auto`."""
    found = PIXELS.fullmatch(text)
    if not found or int(found[1]) == 0:
        return "auto"
    if found[2] == "%":
        return f"{min(int(found[1]), 100)}%"
    return f"calc.min({int(found[1]) * 0.75:g}pt, 16.4cm)" if int(found[1]) * 0.75 > 400 else f"{int(found[1]) * 0.75:g}pt"
