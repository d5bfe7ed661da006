"""Which language a diagram is written in, told from its text or its file's extension. Pure, and quick on any text.

Only the beginning of a text is looked at: what stands behind comments, front matter and directives. Mermaid names its kind of
diagram in the first word, DOT has `graph` or `digraph` and a brace; anything else that draws is D2, whose statements have no
mark of their own. A wrong guess is cured by naming the language.
"""

from __future__ import annotations

import re
from typing import Final, Literal

DiagramLanguage = Literal["d2", "dot", "mermaid"]
EXTENSIONS: Final[dict[str, DiagramLanguage]] = {
    ".d2": "d2",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
}
HEAD_MAX_LENGTH: Final = 64 * 1024
FRONT_MATTER: Final = re.compile(r"---[^\S\n]*\n.*?\n[^\S\n]*---[^\S\n]*(?:\n|\Z)", re.DOTALL)
MERMAID_DIRECTIVE: Final = re.compile(r"%%\{.*?\}%%", re.DOTALL)
MERMAID_COMMENT: Final = re.compile(r"%%[^\n]*")
DOT_COMMENT: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
HASH_COMMENT: Final = re.compile(r"#[^\n]*")
# A name is of letters, and of all beyond ASCII: said by what it is not of, since a wide range takes 20 ms to compile.
DOT: Final = re.compile(
    r"(?:strict\b\s*)?(?:di)?graph\b\s*(?:[^\x00-@\[-^`{-\x7f][^\x00-/:-@\[-^`{-\x7f]*|-?[\d.]+|\"(?:[^\"\\]|\\.)*\"|<[^<>]*>)?"
    r"(?:\s|//[^\n]*\n|/\*.*?\*/|#[^\n]*\n)*\{",
    re.IGNORECASE | re.DOTALL,
)
MERMAID_KINDS: Final = """
flowchart flowchart-v2 flowchart-elk swimlane sequenceDiagram classDiagram classDiagram-v2 stateDiagram stateDiagram-v2
erDiagram journey gantt pie quadrantChart requirement requirementDiagram gitGraph mindmap timeline zenuml sankey sankey-beta
xychart xychart-beta block block-beta packet packet-beta kanban architecture architecture-beta radar radar-beta treemap
treemap-beta treeView-beta venn-beta ishikawa ishikawa-beta wardley-beta info C4Context C4Container C4Component C4Dynamic
C4Deployment
"""
KINDS: Final = frozenset(MERMAID_KINDS.split())
# Words that may as well be a shape in D2 (`block -> pie`): Mermaid's are followed by nothing, or by what D2 has not.
FIRST_WORD: Final = re.compile(r"([A-Za-z][\w-]*)([^\n]*)")
D2_TAIL: Final = re.compile(r"\s*(?::(?!\s*$)|<?-[->]|<-|\.|\{)")
GRAPH: Final = re.compile(r"graph(?:[^\S\n]+(?:TB|TD|BT|RL|LR|[<>^v])\b[^\n]*|[^\S\n]*;?[^\S\n]*)(?:\n|;|\Z)")


def infer_language(text: str) -> DiagramLanguage | None:
    """Return the language of a diagram's source; None when the text holds nothing that draws."""
    head = text[:HEAD_MAX_LENGTH].lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    rest, mermaid_only, hashes = skip(head)
    if not rest:
        return "mermaid" if mermaid_only else ("d2" if hashes and head.strip() else None)
    if DOT.match(rest):
        return "dot"
    if mermaid_only or is_mermaid(rest):
        return "mermaid"
    return "d2"


def is_mermaid(rest: str) -> bool:
    """Whether a text begins with a kind of diagram of Mermaid."""
    if GRAPH.match(rest):
        return True
    found = FIRST_WORD.match(rest)
    return found is not None and found[1].rstrip("-") in KINDS and not D2_TAIL.match(found[2])


def skip(text: str) -> tuple[str, bool, bool]:
    """Return the text behind all that may stand in front, whether something of that is Mermaid's alone, and whether # was."""
    mermaid_only, hashes, at = False, False, 0
    patterns = (FRONT_MATTER, MERMAID_DIRECTIVE, MERMAID_COMMENT, DOT_COMMENT, HASH_COMMENT)
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        for pattern in patterns:
            if found := pattern.match(text, at):
                mermaid_only = mermaid_only or pattern in (FRONT_MATTER, MERMAID_DIRECTIVE, MERMAID_COMMENT)
                hashes = hashes or pattern is HASH_COMMENT
                at = found.end()
                break
        else:
            return text[at:], mermaid_only, hashes
