"""Typst code from data: the only place where text becomes Typst.

Everything is written as Typst *code* (function calls on string literals), never as markup: in a string literal only the quote
and the backslash mean something, so no text can be taken for an instruction. Invariant: whatever `literal` gets, the result is
one string token whose value is that text without control characters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
SPACES: Final = re.compile(r"[ \t\n]+")
LONG_RUN: Final = re.compile(r"[!-~]{36,}")
BREAK_AFTER: Final = re.compile(r"([/?&=._,:;\-])(?=[!-~])")
EMPTY: Final = "[]"
ZERO_WIDTH_SPACE: Final = "\u200b"


def literal(text: str) -> str:
    """Return the text as a Typst string literal."""
    clean = CONTROL.sub("", text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def words(text: str) -> str:
    """Return running text as a literal: white space becomes one space, and runs too long for a line may be broken."""
    return literal(softened(SPACES.sub(" ", text)))


def softened(text: str) -> str:
    """Allow line breaks inside very long runs, such as addresses: after punctuation, invisible when not used."""
    return LONG_RUN.sub(lambda run: BREAK_AFTER.sub(rf"\1{ZERO_WIDTH_SPACE}", run[0]), text)


def call(function: str, *arguments: str) -> str:
    """Return a function call. Arguments are Typst expressions, `name: value` included."""
    return f"{function}({', '.join(arguments)})"


def group(parts: Iterable[str]) -> str:
    """Return one expression that is all these parts in a row."""
    found = list(parts)
    if not found:
        return EMPTY
    return found[0] if len(found) == 1 else "{\n" + "\n".join(found) + "\n}"


def array(items: Iterable[str]) -> str:
    """Return an array expression."""
    return "(" + "".join(f"{item}, " for item in items) + ")"
