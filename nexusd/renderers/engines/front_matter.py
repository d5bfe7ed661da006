"""What the front matter of a Markdown document says, in the words of Pandoc, Quarto and Jekyll alike.

Owns the names (`papersize` and `paper`, `author` and `authors`, …), the meaning of values, and a word in the log for a value
that is not understood: it costs itself only. Keys that are not known are somebody else's, and passed over.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from nexusd.renderers.engines.yaml_lines import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from nexusd.renderers.engines.yaml_lines import Value

PAPERS: Final = {
    "a3": "a3", "a4": "a4", "a5": "a5", "a6": "a6", "letter": "us-letter", "us-letter": "us-letter", "legal": "us-legal",
    "us-legal": "us-legal",
}  # fmt: skip
YES: Final = frozenset({"true", "yes", "on"})
NO: Final = frozenset({"false", "no", "off"})
LENGTH: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s*(mm|cm|in|pt)")
SIZE: Final = re.compile(r"(\d{1,2}(?:\.\d)?)\s*(?:pt)?")
FONTS: Final = ("serif", "sans")
THEMES: Final = ("light", "dark")
SIZE_MIN: Final = 6.0
SIZE_MAX: Final = 24.0
SIDES: Final = frozenset({"x", "y", "top", "bottom", "left", "right"})
Meaning = TypeVar("Meaning")


class FrontMatter(NamedTuple):
    """What the document says about itself; None where it does not."""

    title: str = ""
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    date: str = ""
    abstract: str = ""
    keywords: tuple[str, ...] = ()
    lang: str = "en"
    region: str | None = None
    toc: bool | None = None
    toc_depth: int | None = None
    number_sections: bool | None = None
    paper: str | None = None
    landscape: bool | None = None
    margin: str | None = None
    size: float | None = None
    font: str | None = None
    theme: str | None = None


def read_front_matter(text: str) -> FrontMatter:
    """Return what a front matter says."""
    fields = flattened(read_yaml(text))
    lang, region = language(first_text(fields, "lang", "language"))
    return FrontMatter(
        title=first_text(fields, "title"),
        subtitle=first_text(fields, "subtitle"),
        authors=names(fields.get("author") or fields.get("authors") or ""),
        date=first_text(fields, "date"),
        abstract=first_text(fields, "abstract"),
        keywords=names(fields.get("keywords") or ""),
        lang=lang,
        region=region,
        toc=understood(fields, boolean, "toc", "table-of-contents"),
        toc_depth=understood(fields, depth, "toc-depth"),
        number_sections=understood(fields, boolean, "number-sections", "numbersections"),
        paper=understood(fields, PAPERS.get, "papersize", "paper"),
        landscape=understood(fields, boolean, "landscape"),
        margin=margin(fields),
        size=understood(fields, size, "fontsize", "font-size"),
        font=understood(fields, lambda value: value if value in FONTS else None, "font"),
        # Other programs have themes, too: an unknown one is theirs.
        theme=theme if (theme := first_text(fields, "theme")) in THEMES else None,
    )


def flattened(fields: dict[str, Value]) -> dict[str, Value]:
    """Return the fields by their names in lower case with hyphens; those of Quarto's `format: pdf:` count as if outside."""
    found: dict[str, Value] = {}
    formats = fields.get("format")
    for part in (fields, *(formats.values() if isinstance(formats, dict) else ())):
        if isinstance(part, dict):
            for name, value in part.items():
                found.setdefault(name.lower().replace("_", "-"), value)
    return found


def first_text(fields: dict[str, Value], *keys: str) -> str:
    """Return the text of the first of these keys that has one."""
    return next((text for key in keys if (text := ", ".join(names(fields.get(key, ""))))), "")


def names(value: Value) -> tuple[str, ...]:
    """Return the names in a text, in a list, or in a list of objects with a `name`."""
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, dict):
        return names(value.get("name") or value.get("literal") or "")
    return tuple(name for item in value for name in names(item))


def understood(fields: dict[str, Value], meaning: Callable[[str], Meaning | None], *keys: str) -> Meaning | None:
    """Return what the first of these keys means. What has no meaning is named in the log and left out."""
    text = first_text(fields, *keys)
    found = meaning(text.lower()) if text else None
    if text and found is None:
        sys.stderr.write(f"document.md: front matter: {keys[0]} is not understood and left out: {text[:100]!r}\n")
    return found


def boolean(text: str) -> bool | None:
    """Return what a word of YAML says."""
    return True if text in YES else (False if text in NO else None)


def depth(text: str) -> int | None:
    """Return a level of headings."""
    return int(text) if re.fullmatch("[1-6]", text) else None


def length(text: str) -> str | None:
    """Return a length as Typst writes it."""
    found = LENGTH.fullmatch(text.strip())
    return found[1] + found[2] if found else None


def size(text: str) -> float | None:
    """Return the size of the text in points."""
    found = SIZE.fullmatch(text)
    return float(found[1]) if found and SIZE_MIN <= float(found[1]) <= SIZE_MAX else None


def margin(fields: dict[str, Value]) -> str | None:
    """Return the margins as Typst writes them: one length, Quarto's `{x: 2cm, y: 3cm}`, or LaTeX's `geometry: margin=2cm`."""
    sides = fields.get("margin")
    if isinstance(sides, dict):
        lengths = {side: length(text) for side, text in sides.items() if side in SIDES and isinstance(text, str)}
        return "(" + "".join(f"{side}: {text}, " for side, text in lengths.items() if text) + "rest: 2.3cm)"
    geometry = re.search(r"margin\s*=\s*([^,\s]+)", first_text(fields, "geometry"))
    return length(geometry[1]) if geometry else understood(fields, length, "margin")


def language(text: str) -> tuple[str, str | None]:
    """Return the two letters of a language tag, and those of the country."""
    found = re.fullmatch(r"([A-Za-z]{2})(?:[-_]([A-Za-z]{2}))?(?:[-_.].*)?", text)
    return (found[1].lower(), found[2].upper() if found[2] else None) if found else ("en", None)
