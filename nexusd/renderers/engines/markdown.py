"""Markdown to Typst: CommonMark with tables, strikethrough, task lists, footnotes, definition lists, mathematics, front matter.

Owns the blocks; `inlines` owns what is inside a line, `style` the look. Invariants: every Markdown text gives Typst code that
compiles (a property test), because all text goes through `typst_text`; nesting deeper than `DEPTH_MAX` is drawn flat.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from nexusd.renderers.engines.embedded_html import HtmlReader
from nexusd.renderers.engines.footnotes import apart_plugin
from nexusd.renderers.engines.front_matter import read_front_matter
from nexusd.renderers.engines.inline_builder import InlineBuilder
from nexusd.renderers.engines.inlines import TASK, Inlines, plain_text
from nexusd.renderers.engines.typst_text import EMPTY, array, call, group, literal
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nexusd.renderers.engines.figures import Figures
    from nexusd.renderers.engines.formulas import Formulas
    from nexusd.renderers.engines.front_matter import FrontMatter
    from nexusd.renderers.engines.references import References

DEPTH_MAX: Final = 10
NESTING_MAX: Final = 60  # where the parser itself stops
SLUG_DROPPED: Final = re.compile(r"[^\w\- ]")
LANGUAGE: Final = re.compile(r"[\w+#.-]{1,40}")


class Converted(NamedTuple):
    """A document in parts: its front matter, its first main heading, and its blocks, which are Typst expressions. `kinds` are
    the blocks' kinds, `length` the characters of headings and paragraphs, `levels` those of the headings."""

    front: FrontMatter
    heading: str
    blocks: list[str]
    kinds: frozenset[str]
    length: int
    levels: tuple[int, ...]


def convert(source: str, references: References, formulas: Formulas, figures: Figures | None = None) -> Converted:
    """Return the parts of a document. Without `figures`, fences are code. Raises InvalidInput."""
    return Converter(references, formulas, figures).document(parse(source))


def parse(source: str) -> SyntaxTreeNode:
    """Return the syntax tree of a Markdown text."""
    parser = MarkdownIt("commonmark", {"maxNesting": NESTING_MAX}).enable(["table", "strikethrough"])
    # Inline notes (`^[…]`) are not GitHub's, and would surprise; so would mathematics in `5$ and 6$`.
    parser.use(front_matter_plugin).use(footnote_plugin, inline=False).use(apart_plugin).use(deflist_plugin)
    parser.use(
        dollarmath_plugin,
        allow_labels=False,
        allow_space=False,
        allow_digits=False,
        allow_blank_lines=False,
        double_inline=True,
    )
    tokens = parser.parse(source)
    deep = next((token for token in tokens if token.nesting == 1 and token.level >= NESTING_MAX - 1), None)
    if deep is not None:
        # What is deeper, the parser leaves out without a word.
        line = deep.map[0] + 1 if deep.map else 1
        raise InvalidInput(f"document.md:{line}: quotes and lists are nested deeper than {NESTING_MAX // 2} here")
    return SyntaxTreeNode(tokens)


class Converter:
    """Converts one document. Headings and footnotes are numbered in the order of the text."""

    def __init__(self, references: References, formulas: Formulas, figures: Figures | None) -> None:
        self._references = references
        self._formulas = formulas
        self._figures = figures
        self._notes: dict[int, SyntaxTreeNode] = {}
        self._inlines = Inlines(references, self._note, formulas)
        self._noted: set[int] = set()
        self._depth = 0
        self._headings = 0
        self._blocks: dict[str, Callable[[SyntaxTreeNode], str]] = {
            "paragraph": self._paragraph,
            "heading": self._heading,
            "bullet_list": self._list,
            "ordered_list": self._list,
            "blockquote": self._quote,
            "fence": self._code,
            "code_block": self._code,
            "table": self._table,
            "hr": lambda _node: "rule()",
            "html_block": self._html,
            "dl": self._definitions,
            "math_block": lambda node: formulas.show(node.content, line_of(node), display=True),
        }

    def document(self, root: SyntaxTreeNode) -> Converted:
        """Return the whole document."""
        front = read_front_matter(next((child.content for child in root.children if child.type == "front_matter"), ""))
        if self._figures:
            self._figures.choose_theme(front.theme)
        body = [node for node in root.children if node.type not in ("front_matter", "footnote_block")]
        headings = [node for node in body if node.type == "heading"]
        self._references.labels.update(slugs(headings))
        for block in (node for node in root.children if node.type == "footnote_block"):
            self._notes = {note.meta["id"]: note for note in block.children if note.type == "footnote"}
        words = (plain_text(node.children) for node in body if node.type in ("heading", "paragraph"))
        return Converted(
            front=front,
            heading=next((plain_text(node.children) for node in headings if node.tag == "h1"), ""),
            blocks=self._each(body),
            kinds=frozenset(node.type for node in body),
            length=sum(map(len, words)),
            levels=tuple(int(node.tag[1:]) for node in headings),
        )

    def _each(self, nodes: Iterable[SyntaxTreeNode]) -> list[str]:
        return [self._blocks[node.type](node) for node in nodes if node.type in self._blocks]

    def _nested(self, nodes: list[SyntaxTreeNode], *, first_inline: bool = False) -> str:
        """Return blocks inside of a block. `first_inline` keeps a first paragraph on the line of what stands before it."""
        self._depth += 1
        try:
            if first_inline and nodes and nodes[0].type == "paragraph":
                first = self._inlines.convert(nodes[0].children)
                return group([*first, *(["parbreak()"] if nodes[1:] else []), *self._each(nodes[1:])])
            return group(self._each(nodes))
        finally:
            self._depth -= 1

    def _paragraph(self, node: SyntaxTreeNode) -> str:
        parts = self._inlines.convert(node.children)
        if any(child.type == "math_inline_double" for inline in node.children for child in inline.children):
            # A paragraph that is called so would lose the blocks in it.
            return group([*parts, "parbreak()"])
        return group(parts) if node.hidden else directed(node, call("par", group(parts)))

    def _heading(self, node: SyntaxTreeNode) -> str:
        content = group(self._inlines.convert(node.children))
        level = node.tag[1:]
        if node.parent is None or node.parent.type != "root":
            return call("heading", f"level: {level}", content)
        self._headings += 1
        return call("section", level, literal(f"section-{self._headings}"), content)

    def _list(self, node: SyntaxTreeNode) -> str:
        tight = all(child.hidden for item in node.children for child in item.children if child.type == "paragraph")
        items = [self._item(item, tight=tight) for item in node.children]
        if self._depth >= DEPTH_MAX:
            return group(items)
        options = [f"tight: {'true' if tight else 'false'}"]
        if node.type == "bullet_list":
            return call(
                "list", *options, *(["marker: none", "body-indent: 0pt"] if all(map(is_task, node.children)) else []), *items
            )
        start = int(node.attrs.get("start", 1))
        return call("enum", *options, f"start: {start}", *items)

    def _item(self, item: SyntaxTreeNode, *, tight: bool) -> str:
        content = self._nested(item.children, first_inline=True)
        if is_task(item):
            content = group([call("task", "true" if task_text(item)[1] in "xX" else "false"), content])
        return content if len(item.children) < 2 or not tight else call("snug", content)

    def _quote(self, node: SyntaxTreeNode) -> str:
        content = self._nested(node.children)
        return content if self._depth >= DEPTH_MAX else call("quoted", content)

    def _definitions(self, node: SyntaxTreeNode) -> str:
        """Return the terms, bold, each with its meanings indented below."""
        parts = []
        for child in node.children:
            if child.type == "dt":
                parts.append(call("term", group(self._inlines.convert(child.children))))
            else:
                parts.append(call("meaning", self._nested(child.children)))
        return call("definitions", *parts)

    def _code(self, node: SyntaxTreeNode) -> str:
        drawn = self._figures.figure(node.info, node.content, line_of(node)) if self._figures and node.info else None
        if drawn is not None:
            return drawn
        if node.type == "fence" and node.info.strip().lower() == "math":
            return self._formulas.show(node.content, line_of(node), display=True)
        language = LANGUAGE.match(node.info.strip().lstrip("{.")) if node.info else None
        options = [f"lang: {literal(language[0].lower())}"] if language else []
        return call("raw", "block: true", *options, literal(node.content.rstrip("\n")))

    def _table(self, node: SyntaxTreeNode) -> str:
        rows = [row for part in node.children for row in part.children]
        header, *body = [[self._cell(cell) for cell in row.children] for row in rows]
        if not any(cell.children and cell.children[0].children for cell in rows[0].children):
            # Markdown has no tables without a header; an empty one is meant to be none.
            header = []
        sides = array(align(cell) for cell in rows[0].children)
        cells = [cell for row in body for cell in row]
        columns = f"columns: {len(rows[0].children)}"
        if not header:
            return call("table", columns, f"align: {sides}", *cells)
        return call("headed", columns, f"align: {sides}", call("table.header", *header), *cells)

    def _cell(self, cell: SyntaxTreeNode) -> str:
        return call("table.cell", group(self._inlines.convert(cell.children)))

    def _html(self, node: SyntaxTreeNode) -> str:
        reader = HtmlReader(InlineBuilder(), self._references, breaks=True)
        reader.feed(node.content)
        return group(reader.finish())

    def _note(self, number: int) -> str:
        """Return a footnote where it is first referred to, its number where it is again."""
        name = literal(f"note-{number}")
        note = self._notes.get(number)
        if note is None:
            return EMPTY
        if number in self._noted:
            # Inside its own text a note cannot be referred to: Typst would never finish.
            return call("super", literal(str(number + 1))) if self._inlines.in_note else call("note-again", name)
        self._noted.add(number)
        with self._inlines.inside_note():
            content = self._nested(note.children, first_inline=True)
        return call("note", name, content)


def slugs(headings: list[SyntaxTreeNode]) -> dict[str, str]:
    """Return the label of each heading by the anchor GitHub would give it."""
    labels: dict[str, str] = {}
    for number, node in enumerate(headings, start=1):
        base = slug = SLUG_DROPPED.sub("", plain_text(node.children).strip().lower()).replace(" ", "-")
        repeat = 0
        while slug in labels:
            repeat += 1
            slug = f"{base}-{repeat}"
        labels[slug] = f"section-{number}"
    return labels


def directed(node: SyntaxTreeNode, content: str) -> str:
    """Return a paragraph that runs from right to left where its first letter does."""
    letters = (unicodedata.bidirectional(character) for character in plain_text(node.children))
    first = next((kind for kind in letters if kind in ("L", "R", "AL")), "L")
    return content if first == "L" else call("text", "dir: rtl", content)


def line_of(node: SyntaxTreeNode) -> int:
    """Return the line on which a block starts."""
    return node.map[0] + 1 if node.map else 1


def align(cell: SyntaxTreeNode) -> str:
    """Return the alignment of a table's column."""
    side = re.fullmatch(r"text-align:(left|center|right)", str(cell.attrs.get("style", "")))
    return side[1] if side else "left"


def task_text(item: SyntaxTreeNode) -> str:
    """Return the first text of a list item."""
    if not item.children or item.children[0].type != "paragraph":
        return ""
    inline = item.children[0].children[0]
    return inline.children[0].content if inline.children and inline.children[0].type == "text" else ""


def is_task(item: SyntaxTreeNode) -> bool:
    """Whether a list item starts with `[ ] ` or `[x] `."""
    return TASK.match(task_text(item)) is not None
