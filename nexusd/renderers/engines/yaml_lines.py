"""Just enough YAML for front matter: mappings, lists, quoted and plain text, block text, comments.

Not a YAML library: no anchors, tags, types or documents; every scalar is text. Whatever cannot be read is left out, since front
matter is written for many programs and none of it may make a document fail. Nesting is bounded by `DEPTH_MAX`.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
DEPTH_MAX: Final = 6
ENTRY: Final = re.compile(r"""("[^"]*"|'[^']*'|[^\s:#\-"'][^:#]*|-[^\s:#][^:#]*)\s*:(?:\s+(.*)|)$""")
BLOCK_TEXT: Final = re.compile(r"[|>][+-]?\d?$")
COMMENT: Final = re.compile(r"(?:^|\s+)#.*$")
ESCAPES: Final = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\t": "\t", "\\/": "/"}


def read_yaml(text: str) -> dict[str, Value]:
    """Return the mapping that the text is; empty when it is none."""
    lines = [(len(line) - len(line.lstrip(" ")), line.strip()) for line in text.expandtabs().splitlines()]
    value = Reader(lines).block(0, 0)
    return value if isinstance(value, dict) else {}


class Reader:
    """Goes through lines of (indentation, content)."""

    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self._lines = lines
        self._at = 0

    def block(self, indent: int, depth: int) -> Value:
        """Return the mapping, list or text that starts here and is indented at least this far."""
        self._skip_blank()
        if self._at >= len(self._lines) or self._lines[self._at][0] < indent or depth > DEPTH_MAX:
            return ""
        here = self._lines[self._at][0]
        return self._sequence(here, depth) if is_item(self._lines[self._at][1]) else self._mapping(here, depth)

    def _mapping(self, indent: int, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while self._continues(indent):
            here, content = self._lines[self._at]
            self._at += 1
            entry = ENTRY.match(content) if here == indent else None
            if entry:
                # A list may stand at the same indentation as its key.
                found[scalar(entry[1])] = self._value(entry[2] or "", indent, depth)
        return found

    def _value(self, rest: str, indent: int, depth: int) -> Value:
        if BLOCK_TEXT.match(uncommented(rest)):
            return self._text(indent, folded=rest.startswith(">"))
        if uncommented(rest):
            return inline(rest)
        self._skip_blank()
        listed = self._at < len(self._lines) and self._lines[self._at][0] == indent and is_item(self._lines[self._at][1])
        return self.block(indent if listed else indent + 1, depth + 1)

    def _sequence(self, indent: int, depth: int) -> list[Value]:
        found: list[Value] = []
        while self._continues(indent) and self._lines[self._at][0] == indent and is_item(self._lines[self._at][1]):
            content = self._lines[self._at][1][1:].lstrip()
            if ENTRY.match(content):
                inner = indent + len(self._lines[self._at][1]) - len(content)
                self._lines[self._at] = (inner, content)
                found.append(self.block(inner, depth + 1))
            else:
                self._at += 1
                found.append(inline(content) if content else self.block(indent + 1, depth + 1))
        return found

    def _text(self, indent: int, *, folded: bool) -> str:
        parts = []
        while self._at < len(self._lines) and (self._lines[self._at][0] > indent or not self._lines[self._at][1]):
            parts.append(self._lines[self._at][1])
            self._at += 1
        return (" " if folded else "\n").join(parts).strip()

    def _continues(self, indent: int) -> bool:
        self._skip_blank()
        return self._at < len(self._lines) and self._lines[self._at][0] >= indent

    def _skip_blank(self) -> None:
        while self._at < len(self._lines) and not uncommented(self._lines[self._at][1]):
            self._at += 1


def is_item(content: str) -> bool:
    """Whether a line is an item of a list."""
    return content == "-" or content.startswith("- ")


def uncommented(text: str) -> str:
    """Return plain text without a comment behind it."""
    return COMMENT.sub("", text).strip()


def inline(text: str) -> Value:
    """Return what stands behind a key: a scalar, or a list in brackets."""
    bare = uncommented(text)
    if bare.startswith("[") and bare.endswith("]"):
        items = re.findall(r"""\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^,]+)""", bare[1:-1])
        return [scalar(item) for item in items if item.strip()]
    if bare.startswith("{") and bare.endswith("}"):
        pairs = (item.partition(":") for item in bare[1:-1].split(","))
        return {scalar(key): scalar(value) for key, colon, value in pairs if colon}
    return scalar(text)


def scalar(text: str) -> str:
    """Return plain or quoted text."""
    quoted = re.match(r""""((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'""", text.strip())
    if quoted is None:
        return uncommented(text)
    if quoted[2] is not None:
        return quoted[2].replace("''", "'")
    return re.sub(r"\\.", lambda escape: ESCAPES.get(escape[0], escape[0]), quoted[1])
