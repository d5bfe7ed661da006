"""The text of a Mermaid source: what Mermaid's parsers see of it, and where that stands in the source.

Mermaid takes out front matter, `%%{init}%%` directives and comments before it parses, so its line numbers are not the
source's. Pure. Source: preprocessDiagram of Mermaid 11.16.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import Final, NamedTuple

FRONT_MATTER: Final = re.compile(r"^([^\S\n]*)-{3}\s*\n(.*?)\n\1-{3}\s*\n+", re.DOTALL)
DIRECTIVE: Final = re.compile(r"%%\{.*?(?:\}%%|\Z)", re.DOTALL)
COMMENT: Final = re.compile(r"^\s*%%(?!\{)[^\n]+\n?", re.MULTILINE)
LINK: Final = re.compile(r"[<xo]?(?:--+|==+|-\.+-?|~~~+|\.\.+)[->xo|)}{]|&|->>?|;")


class Parsed(NamedTuple):
    """What a parser sees: the pieces of the source that are left, and where each begins in the source."""

    text: str
    starts: tuple[int, ...]
    """Offsets in `text` at which the pieces begin."""
    origins: tuple[int, ...]
    """Offsets of the same pieces in the source."""
    source: str

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Return line and column in the source, both from 1, of a line (from 1) and column (from 0) in `text`."""
        return self._origin(self._offset(line, column))

    def place_after(self, line: int, column: int) -> tuple[int, int]:
        """Return the place of the first thing behind this one: the thing that a parser met and did not expect."""
        offset = self._offset(line, column)
        rest = self.text[offset:].split("\n", 1)[0]
        return self._origin(offset + len(rest) - len(rest.lstrip()))

    def _offset(self, line: int, column: int) -> int:
        lines = self.text.split("\n")
        if line > len(lines):
            return len(self.text.rstrip())
        row = max(line, 1) - 1
        before = sum(len(text) + 1 for text in lines[:row])
        return before + min(max(column, 0), len(lines[row]))

    def _origin(self, offset: int) -> tuple[int, int]:
        piece = bisect_right(self.starts, offset) - 1
        at = min(self.origins[piece] + offset - self.starts[piece], len(self.source))
        return self.source.count("\n", 0, at) + 1, at - self.source.rfind("\n", 0, at)


def normal(source: str) -> str:
    """Return the source with line ends as Mermaid has them."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def parsed(source: str) -> Parsed:
    """Return what Mermaid parses of a source whose line ends are normal."""
    pieces = [(0, len(source))]
    if found := FRONT_MATTER.match(source):
        pieces = [(found.end(), len(source))]
    for pattern in (DIRECTIVE, COMMENT):
        pieces = [rest for start, end in pieces for rest in without(pattern, source, start, end)]
    pieces = [(start, end) for start, end in pieces if start < end]
    while pieces:  # Mermaid trims the start
        start, end = pieces[0]
        bare = end - len(source[start:end].lstrip())
        if bare < end:
            pieces[0] = (bare, end)
            break
        pieces.pop(0)
    pieces = pieces or [(len(source), len(source))]
    lengths = [end - start for start, end in pieces]
    starts = tuple(accumulate([0, *lengths[:-1]]))
    return Parsed("".join(source[start:end] for start, end in pieces), starts, tuple(start for start, _ in pieces), source)


def without(pattern: re.Pattern[str], source: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the pieces of a piece between the matches of a pattern."""
    pieces, done = [], start
    for found in pattern.finditer(source, start, end):
        pieces.append((done, found.start()))
        done = found.end()
    return [*pieces, (done, end)]


def count_parts(text: str) -> int:
    """Return about how many nodes and edges a source has: a statement is one, and each link in it one more."""
    return sum(1 + len(LINK.findall(line)) for line in text.split("\n") if line.strip())
