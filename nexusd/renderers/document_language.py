"""Whether a text is Markdown or Typst, where nobody said.

Pure, standard library only: the daemon asks for a text in the input, the child for a file whose name does not tell. The first
line that only one of the two could mean decides; without one it is Markdown. Fenced code is passed over, it may be in any
language.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final, Literal

Language = Literal["markdown", "typst"]
EXTENSIONS: Final[dict[str, Language]] = {".md": "markdown", ".markdown": "markdown", ".typ": "typst"}
LINES_MAX: Final = 400
FENCE: Final = re.compile(r"\s{0,3}(?:```|~~~)")
TYPST: Final = re.compile(
    r"=+ +\S|#(?:set|let|show|import|include) "
    r"|#(?:align|page|pagebreak|image|figure|table|grid|text|block|box|outline|lorem|v)[(\[]"
)
MARKDOWN: Final = re.compile(r"#{1,6} +\S|\[[^\]]+\]: |(?:---|\+\+\+)\s*$|\|.*\|\s*$|<\w+[ >/]")


def language_of_text(text: str) -> Language:
    """Return the language that a text is most likely in."""
    fenced = False
    for line in text[: LINES_MAX * 200].splitlines()[:LINES_MAX]:
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and TYPST.match(line):
            return "typst"
        elif not fenced and MARKDOWN.match(line):
            return "markdown"
    return "markdown"


def language_of_name(name: str) -> Language | None:
    """Return the language that the extension of a file names."""
    return EXTENSIONS.get(PurePath(name).suffix.lower())
