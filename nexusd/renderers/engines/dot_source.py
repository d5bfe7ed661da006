"""The text of a DOT source: how much it holds, and whether a second graph follows, before Graphviz reads it.

A group at an edge multiplies: `{a b c} -> {d e f}` is nine edges, and Graphviz is slow long before it runs out of memory. So
what is surely there is counted here: never more than Graphviz would find, and less only where a name is put together with `+`.
It also tells a second graph, which Graphviz drops in silence when it begins on the line where the first one ends.

Pure, in one pass, and without recursion. Leaves out whether the source is right: Graphviz says that, and where it is not.
Source: https://graphviz.org/doc/info/lang.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# A string or a comment without its end goes to the end of the text, so that nothing is looked at twice.
TOKEN: Final = re.compile(
    r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)'
    r"|(?P<gap>/\*.*?(?:\*/|\Z)|//[^\n]*|^\#[^\n]*)"
    r"|-[->]|-?(?:\.\d+|\d+(?:\.\d*)?)|[^\W\d]\w*|[{}\[\]=:+<]",
    re.DOTALL | re.MULTILINE,
)
HTML: Final = re.compile(r"[<>]")
EDGES: Final = ("->", "--")
KINDS: Final = ("node", "edge", "graph")  # what stands before a list of defaults
GRAPHS: Final = ("strict", "graph", "digraph")
END: Final = ("", 0)
DEPTH_MAX: Final = 1000  # deeper than that Graphviz does not get


class Seen(NamedTuple):
    """What a source holds: nodes and edges, at least, and where another graph begins. Counting stops above the bound."""

    parts: int
    second: int | None


def look_at(source: str, parts_max: int) -> Seen:
    """Return what a source holds; counting stops soon above `parts_max`."""
    return _Reader(source, parts_max).read()


def tokens(source: str) -> Iterator[tuple[str, int]]:
    """Yield each token and where it begins; an HTML text is `<>`."""
    at = 0
    while found := TOKEN.search(source, at):
        at = found.end()
        if found[0] == "<":
            at = html_end(source, at)
            yield "<>", found.start()
        elif found["gap"] is None:
            yield found[0], found.start()


def html_end(source: str, at: int) -> int:
    """Return where an HTML text ends whose first bracket ends at `at`."""
    depth = 1
    while depth and (found := HTML.search(source, at)):
        at = found.end()
        depth += 1 if found[0] == "<" else -1
    return len(source) if depth else at


class _Scope:
    """A graph or a subgraph. `last` is how many nodes its latest operand has, `left` those before an open edge."""

    __slots__ = ("last", "left", "merged", "nodes", "subgraphs")

    def __init__(self) -> None:
        self.nodes: set[str] = set()
        self.merged = 0  # how many of them the parent has too
        self.subgraphs: dict[str, _Scope] = {}
        self.last = 0
        self.left = 0


class _Reader:
    """Reads one graph, a token ahead."""

    def __init__(self, source: str, parts_max: int) -> None:
        self._tokens = tokens(source)
        self._ahead = next(self._tokens, END)
        self._parts_max = parts_max
        self._scopes: list[_Scope] = []
        self._names: set[str] = set()
        self._edges = 0
        self._strict = False

    def read(self) -> Seen:
        """Read to the end of the first graph, or until there is too much."""
        while token := self._take():
            if token == "{":
                self._scopes.append(_Scope())
            elif not self._scopes:
                self._strict = self._strict or token.lower() == "strict"
            elif token == "}":
                self._close()
                if not self._scopes:
                    return Seen(self._count(), self._find_second())
            else:
                self._statement(token, self._scopes[-1])
            if self._count() > self._parts_max or len(self._scopes) > DEPTH_MAX:
                break
        return Seen(self._count(), None)

    def _take(self) -> str:
        token = self._ahead[0]
        self._ahead = next(self._tokens, END)
        return token

    def _count(self) -> int:
        return len(self._names) + self._edges

    def _statement(self, token: str, scope: _Scope) -> None:
        if token == "[":
            while token and token != "]":
                token = self._take()
        elif token in EDGES:
            scope.left = scope.last
        elif token.lower() == "subgraph":
            self._open_subgraph(scope)
        elif self._ahead[0] == "=":
            self._take(), self._take()
        elif token.lower() not in KINDS:
            self._names.add(name := token.strip('"'))
            scope.nodes.add(name)
            self._operand(scope, 1)
            while self._ahead[0] in (":", "+"):  # a port, or the rest of a name
                self._take(), self._take()

    def _open_subgraph(self, scope: _Scope) -> None:
        name = self._take() if self._ahead[0] != "{" else ""
        child = scope.subgraphs.setdefault(name, _Scope()) if name else _Scope()
        if self._take() == "{":  # else Graphviz will refuse it
            self._scopes.append(child)

    def _close(self) -> None:
        child = self._scopes.pop()
        if not self._scopes:
            return
        parent = self._scopes[-1]
        if len(child.nodes) > child.merged:
            parent.nodes |= child.nodes
            child.merged = len(child.nodes)
        self._operand(parent, len(child.nodes))

    def _operand(self, scope: _Scope, size: int) -> None:
        """Count the edges that end at a node or a group of this size."""
        if scope.left and self._strict:  # which keeps one edge of a pair, whatever its direction when it has none
            self._edges = max(self._edges, scope.left * size // 2)
        else:
            self._edges += scope.left * size
        scope.last, scope.left = size, 0

    def _find_second(self) -> int | None:
        token, at = self._ahead
        return at if token.lower() in GRAPHS else None
