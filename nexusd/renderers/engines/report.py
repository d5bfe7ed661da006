"""A converted Markdown document on pages of paper: title block, table of contents, page numbers, metadata.

Owns what the job's options and the front matter mean together: an option wins, then the front matter, then our default. Leaves
out what each block looks like: that is `style`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.style import Look, prelude
from nexusd.renderers.engines.typst_text import array, call, literal, words

if TYPE_CHECKING:
    from nexusd.renderers.engines.front_matter import FrontMatter
    from nexusd.renderers.engines.markdown import Converted

TOC_DEPTH: Final = 3
ISO_DATE: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])(?!\d)")  # days that every month has


def compose(converted: Converted, options: dict[str, Any]) -> str:
    """Return the complete Typst code. `options` are those of the job's input."""
    front = converted.front
    opening = [*title_block(converted), *contents(front, options)]
    dated = date(front.date) or ("auto" if options.get("pdfStandard") else "none")
    parts = [metadata(front, front.title or converted.heading, dated), *opening, *converted.blocks]
    return prelude(look(converted, options)) + "".join(f"#{part}\n\n" for part in parts)


def look(converted: Converted, options: dict[str, Any]) -> Look:
    """Return the look that was asked for."""
    default, front = Look(), converted.front
    return Look(
        paper=options.get("paper") or front.paper or default.paper,
        landscape=first(options.get("landscape"), front.landscape, default.landscape),
        margin=options.get("margin") or front.margin or default.margin,
        font=options.get("font") or front.font or default.font,
        size=options.get("fontSize") or front.size or default.size,
        theme=options.get("theme") or front.theme or default.theme,
        top=top_level(converted),
        titled=bool(front.title) and front.title != converted.heading and 1 in converted.levels,
        numbered=first(options.get("numberSections"), front.number_sections, default.numbered),
    )


def top_level(converted: Converted) -> int:
    """Return the level of the chapters: the highest there is, unless that is only the title at the start."""
    levels = converted.levels
    if not levels:
        return 1
    if levels[0] == 1 and levels.count(1) == 1 and len(levels) > 1 and not converted.front.title:
        return min(levels[1:])
    return min(levels)


def first(*values: bool | None) -> bool:
    """Return the first that is said."""
    return next((value for value in values if value is not None), False)


def title_block(converted: Converted) -> list[str]:
    """Return the title and what stands below it.

    A document that starts with its title as a heading has it already: then the rest of the front matter stands alone.
    """
    front = converted.front
    title = "" if front.title == converted.heading else front.title
    lines = [literal(text) for text in (front.subtitle, ", ".join(front.authors), front.date) if text]
    if not title and not front.subtitle and not front.abstract and not (front.title and lines):
        return []
    abstract = words(front.abstract) if front.abstract else "none"
    return [call("title-block", literal(title), array(lines), abstract)]


def contents(front: FrontMatter, options: dict[str, Any]) -> list[str]:
    """Return the table of contents, if one is wanted."""
    if not first(options.get("toc"), front.toc):
        return []
    return [call("contents", str(front.toc_depth or TOC_DEPTH))]


def date(text: str) -> str:
    """Return the date of a document as Typst writes it; empty when the text is none such as 2026-10-14."""
    found = ISO_DATE.match(text)
    return f"datetime(year: {int(found[1])}, month: {int(found[2])}, day: {int(found[3])})" if found else ""


def metadata(front: FrontMatter, title: str, dated: str) -> str:
    """Return the rules that set title, author, date and language.

    The date is the document's own or none: the same input gives the same bytes. PDF/A demands one; then it is that of
    `Typesetting`, the first of January 1970.
    """
    rules = [f"title: {literal(title)}", f"date: {dated}"]
    if front.authors:
        rules.append(f"author: {array(map(literal, front.authors))}")
    if front.keywords:
        rules.append(f"keywords: {array(map(literal, front.keywords))}")
    if front.abstract:
        rules.append(f"description: {literal(front.abstract)}")
    region = f", region: {literal(front.region)}" if front.region else ""
    return f"set document({', '.join(rules)})\n#set text(lang: {literal(front.lang)}{region})"
