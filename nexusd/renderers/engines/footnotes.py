"""Footnotes that are defined inside of one another, taken apart before markdown-it's plugin collects them.

The plugin takes a definition to end where the next one starts or ends: what stands around an inner one would be left out, or
its blocks left half open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token


def apart_plugin(parser: MarkdownIt) -> None:
    """Have definitions taken apart. To be used after the footnotes' own plugin."""
    parser.core.ruler.before("footnote_tail", "footnotes_apart", take_apart)


def take_apart(state: StateCore) -> None:
    """Move each definition behind the text, in the order in which they start."""
    text: list[Token] = []
    notes: list[list[Token]] = []
    around = [text]
    for token in state.tokens:
        if token.type == "footnote_reference_open":
            notes.append([])
            around.append(notes[-1])
        around[-1].append(token)
        if token.type == "footnote_reference_close":
            around.pop()
    state.tokens = [*text, *(token for note in notes for token in note)]
