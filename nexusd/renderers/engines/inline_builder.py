"""Inline content as a stack of open spans, fed by Markdown tokens and by HTML tags alike.

HTML tags may be unbalanced or cross Markdown's spans: a closing tag that fits nothing is ignored, and whatever is still open at
the end is closed. Spans nested deeper than `DEPTH_MAX` keep their text and lose their look, since Typst bounds nesting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.typst_text import call, group, literal, words

if TYPE_CHECKING:
    from collections.abc import Callable

DEPTH_MAX: Final = 12
BREAK: Final = "linebreak()"
# The emoji that tables of features are made of. Few machines have a font for them; a coloured sign that Typst has will do.
MARKS: Final = {"\u2705": ("✔", "good"), "\u274c": ("✘", "bad"), "\u274e": ("✘", "good"), "\u2b50": ("★", "gold")}
MARK: Final = re.compile(f"([{''.join(MARKS)}])\ufe0f?")


@dataclass(slots=True)
class Span:
    """An open span: its name, how to wrap its content, and what it holds so far."""

    name: str
    wrap: Callable[[str], str]
    parts: list[str] = field(default_factory=list)


class InlineBuilder:
    """Collects inline content and returns it as one Typst expression."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._spans: list[Span] = []

    def add(self, code: str) -> None:
        """Add a Typst expression."""
        (self._spans[-1].parts if self._spans else self._parts).append(code)

    def text(self, text: str) -> None:
        """Add running text. White space at the start of a line goes."""
        parts = self._spans[-1].parts if self._spans else self._parts
        if (not parts and not self._spans) or (parts and parts[-1] == BREAK):
            text = text.lstrip(" \t\r\n")
        for position, piece in enumerate(MARK.split(text)):
            if position % 2:
                sign, colour = MARKS[piece]
                self.add(call("mark", literal(sign), colour))
            elif piece:
                self.add(words(piece))

    def is_open(self, name: str) -> bool:
        """Whether a span of that name is open."""
        return any(span.name == name for span in self._spans)

    def open(self, name: str, wrap: Callable[[str], str]) -> None:
        """Open a span; `wrap` gets its content as an expression when it is closed."""
        self._spans.append(Span(name, wrap if len(self._spans) < DEPTH_MAX else lambda content: content))

    def close(self, name: str) -> None:
        """Close the innermost span of that name and all inside of it; do nothing when there is none."""
        if not self.is_open(name):
            return
        while self._spans:
            closed = self._spans[-1].name
            self._close_innermost()
            if closed == name:
                return

    def take(self) -> list[str]:
        """Close everything and return the parts collected, leaving the builder empty."""
        while self._spans:
            self._close_innermost()
        parts, self._parts = self._parts, []
        return parts

    def _close_innermost(self) -> None:
        span = self._spans.pop()
        if span.parts:
            self.add(span.wrap(group(span.parts)))
