"""A converted Markdown document on pages of paper: title block, table of contents, page numbers, metadata.

Owns what the job's options and the front matter mean together: an option wins, then the front matter, then our default. Leaves
out what each block looks like: that is `style`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.style import Look, prelude
from nexusd.renderers.engines.typst_text import array, call, literal

if TYPE_CHECKING:
    from nexusd.renderers.engines.front_matter import FrontMatter
    from nexusd.renderers.engines.markdown import Converted

TOC_DEPTH: Final = 3


def compose(converted: Converted, options: dict[str, Any]) -> str:
    """Return the complete Typst code. `options` are those of the job's input."""
    front = converted.front
    opening = [*title_block(converted), *contents(front, options)]
    parts = [metadata(front, front.title or converted.heading), *opening, *converted.blocks]
    return prelude(look(front, options)) + "".join(f"#{part}\n\n" for part in parts)


def look(front: FrontMatter, options: dict[str, Any]) -> Look:
    """Return the look that was asked for."""
    default = Look()
    return Look(
        paper=options.get("paper") or front.paper or default.paper,
        landscape=first(options.get("landscape"), front.landscape, default.landscape),
        margin=options.get("margin") or front.margin or default.margin,
        font=options.get("font") or front.font or default.font,
        size=options.get("fontSize") or front.size or default.size,
        theme=options.get("theme") or front.theme or default.theme,
        numbered=first(options.get("numberSections"), front.number_sections, default.numbered),
    )


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
    abstract = literal(front.abstract) if front.abstract else "none"
    return [call("title-block", literal(title), array(lines), abstract)]


def contents(front: FrontMatter, options: dict[str, Any]) -> list[str]:
    """Return the table of contents, if one is wanted."""
    if not first(options.get("toc"), front.toc):
        return []
    return [call("contents", str(front.toc_depth or TOC_DEPTH))]


def metadata(front: FrontMatter, title: str) -> str:
    """Return the rules that set title, author and language. No date: the same input gives the same bytes."""
    rules = [f"title: {literal(title)}", "date: none"]
    if front.authors:
        rules.append(f"author: {array(map(literal, front.authors))}")
    if front.keywords:
        rules.append(f"keywords: {array(map(literal, front.keywords))}")
    if front.abstract:
        rules.append(f"description: {literal(front.abstract)}")
    region = f", region: {literal(front.region)}" if front.region else ""
    return f"set document({', '.join(rules)})\n#set text(lang: {literal(front.lang)}{region})"
