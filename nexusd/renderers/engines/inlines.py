"""What is inside a line of Markdown, to Typst: emphasis, code, links, images, formulas, breaks, references to footnotes, HTML.

Walks the parser's flat tokens, so that an HTML tag which opens in one and closes in another can be followed.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.embedded_html import HtmlReader
from nexusd.renderers.engines.inline_builder import BREAK, InlineBuilder
from nexusd.renderers.engines.typst_text import call, literal, softened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode

    from nexusd.renderers.engines.formulas import Formulas
    from nexusd.renderers.engines.references import References

SPANS: Final = {"strong": "strong", "em": "emph", "s": "strike"}
TASK: Final = re.compile(r"^\[[ xX]\](?:\s+|$)")
BARE_ADDRESS: Final = re.compile(r"(?<![\w/])https?://[^\s<>\"]*[^\s<>\"?!.,:*_~'();\]]", re.IGNORECASE)


class Inlines:
    """Converts inline nodes. `note` returns the Typst for a reference to the footnote of that number."""

    def __init__(self, references: References, note: Callable[[int], str], formulas: Formulas) -> None:
        self._references = references
        self._note = note
        self._formulas = formulas
        self._line = 1
        self.in_note = False

    @contextmanager
    def inside_note(self) -> Iterator[None]:
        """Remember that what is converted now is the text of a footnote."""
        before, self.in_note = self.in_note, True
        try:
            yield
        finally:
            self.in_note = before

    def convert(self, nodes: list[SyntaxTreeNode]) -> list[str]:
        """Return the expressions of a block's inline content."""
        builder = InlineBuilder()
        for node in nodes:
            self._line = node.map[0] + 1 if node.map else self._line
            tokens = (node.token.children or []) if node.type == "inline" and node.token else []
            task = starts_task(node)
            for position, token in enumerate(tokens):
                text = TASK.sub("", token.content, count=1) if task and position == 0 else token.content
                self._token(builder, token, text)
        return builder.take()

    def _token(self, builder: InlineBuilder, token: Token, text: str) -> None:
        kind = token.type
        if kind in ("text", "text_special"):
            self._text(builder, text)
        elif kind == "softbreak":
            builder.text(" ")
        elif kind == "hardbreak":
            builder.add(BREAK)
        elif kind == "code_inline":
            builder.add(call("raw", literal(softened(text))))
        elif kind == "image":
            builder.add(self._references.image(str(token.attrs.get("src", "")), token_text(token.children or [])))
        elif kind == "footnote_ref":
            builder.add(self._note(token.meta["id"]))
        elif kind in ("math_inline", "math_inline_double"):
            # GitHub also has dollars around backticks.
            tex = text[1:-1] if len(text) > 2 and text[0] == text[-1] == "`" else text
            builder.add(self._formulas.show(tex, self._line, display=kind == "math_inline_double"))
        elif kind == "html_inline":
            reader = HtmlReader(builder, self._references, breaks=False)
            reader.feed(text)
            reader.close()
        elif kind.endswith("_open"):
            self._open(builder, token, kind.removesuffix("_open"))
        elif kind.endswith("_close"):
            builder.close(kind.removesuffix("_close"))

    def _text(self, builder: InlineBuilder, text: str) -> None:
        """Add text; a bare web address in it becomes a link, as on GitHub."""
        if builder.is_open("link") or builder.is_open("html a"):
            builder.text(text)
            return
        end = 0
        for found in BARE_ADDRESS.finditer(text):
            address = found[0]
            builder.text(text[end : found.start()])
            builder.open("link", self._references.link_wrapper(address))
            builder.text(address)
            builder.close("link")
            end = found.end()
        builder.text(text[end:])

    def _open(self, builder: InlineBuilder, token: Token, name: str) -> None:
        if name == "link":
            builder.open(name, self._references.link_wrapper(str(token.attrs.get("href", ""))))
        else:
            builder.open(name, lambda content: call(SPANS[name], content) if name in SPANS else content)


def starts_task(inline: SyntaxTreeNode) -> bool:
    """Whether this is the first line of a list item, whose `[ ]` has become a box."""
    paragraph = inline.parent
    item = paragraph.parent if paragraph else None
    return bool(item and item.type == "list_item" and item.children[0] is paragraph)


def plain_text(nodes: Iterable[SyntaxTreeNode]) -> str:
    """Return the text of inline nodes without its look."""
    return "".join(token_text(node.token.children or []) for node in nodes if node.token)


def token_text(tokens: Iterable[Token]) -> str:
    """Return the text of inline tokens, of images their alternative text."""
    parts = []
    for token in tokens:
        if token.type in ("text", "text_special", "code_inline", "math_inline", "math_inline_double"):
            parts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.children:
            parts.append(token_text(token.children))
    return "".join(parts)
