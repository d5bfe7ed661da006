"""Mermaid text to SVG, PNG or PDF: every kind of diagram of Mermaid 11, drawn by Mermaid itself (see `mermaid_page`).

Labels are SVG text, never HTML: what shows HTML labels is a browser, and only that. All text is in one family, the one it was
measured in. A source configures its look by front matter and `%%{init}%%`, but nothing that loosens security or exceeds a cap.
Not possible offline, or without HTML: formulas ($$…$$), icons that are not Mermaid's own, pictures by URL, the ELK layout.

What Mermaid itself draws differently each day stands still here: today is 2026-01-01.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.canvas import put_background, set_size, view_box
from nexusd.renderers.engines.drawing import Drawing, Style, too_large
from nexusd.renderers.engines.mermaid_look import mend
from nexusd.renderers.engines.mermaid_source import Parsed, count_parts, normal, parsed
from nexusd.renderers.engines.svg import Cleaner, to_text
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.engines.mermaid_page import Answer, Page
    from nexusd.renderers.job import ChildJob

NAME: Final = "diagram.mmd"
ID: Final = "mermaid"
THEMES: Final = {
    "light": "default",
    "default": "default",
    "dark": "dark",
    "forest": "forest",
    "neutral": "neutral",
    "base": "base",
}
BACKGROUNDS: Final = {"dark": "#333333"}
WHITE: Final = "#ffffff"
# A source may not change these: they keep text as text, and the bounds.
SECURE: Final = (
    "secure", "securityLevel", "startOnLoad", "maxTextSize", "maxEdges", "suppressErrorRendering", "htmlLabels",
    "dompurifyConfig", "deterministicIds", "deterministicIDSeed", "handDrawnSeed", "legacyMathML", "forceLegacyMathML",
    "fontFamily", "altFontFamily", "arrowMarkerAbsolute", "logLevel",
)  # fmt: skip
PLACE: Final = re.compile(r"(?:on|at) line:? ?(\d+)(?:, column (\d+)| ?column: ?(\d+))?", re.IGNORECASE)
YAML_PLACE: Final = re.compile(r"\s*\((\d+):(\d+)\)\s*\n")
BEGINNING: Final = re.compile(r"^(?:Error: )?(?:(?:Parse|Lexical) error on line \d+[:.]|Parsing failed:)\s*")
LINES: Final = re.compile(r" (?:on|at) line:? ?\d+(?:, column:? ?\d+)?")
OLD_PICTURE: Final = re.compile(r"\n[^\n]*\n-+\^")
EDGES_EXCEEDED: Final = "Edge limit exceeded"
_spare: list[Page] = []


def warm() -> None:
    """Load Mermaid into a page and measure a word, so that the next drawing finds both done."""
    from nexusd.renderers.engines import fonts, mermaid_metrics
    from nexusd.renderers.engines.mermaid_page import Page, in_large_stack

    fonts.files()
    for weight in ("normal", "bold"):
        mermaid_metrics.full("warm", 16, None, weight, None)
    _spare.append(in_large_stack(Page))


def draw(source: str, folder: Path, style: Style) -> Drawing:
    """Return the picture of a source. See `drawing`. `folder` is not needed."""
    return make(source, style, sketch=False)


def make(source: str, style: Style, *, sketch: bool) -> Drawing:
    """Return the picture of a source, as if drawn by hand when `sketch`. Raises InvalidInput."""
    from nexusd.renderers.engines.mermaid_page import Page, in_large_stack

    text = normal(source)
    seen = parsed(text)
    if not seen.text.strip():
        raise InvalidInput(f"{NAME}: the source is empty, there is nothing to draw")
    if count_parts(seen.text) > style.caps.diagram_max_nodes:
        raise too_large(NAME, style.caps.diagram_max_nodes)
    config = configuration(style, sketch=sketch)

    def work() -> Answer:
        page = _spare.pop() if _spare else Page()
        return page.draw(ID, text, config)

    answer: Answer = in_large_stack(work)
    if answer.svg is None:
        if EDGES_EXCEEDED in answer.error:  # `a & b --> c & d` multiplies
            raise too_large(NAME, style.caps.diagram_max_nodes)
        raise refusal(answer, seen)
    return finished(answer.svg, style, config["theme"])


def configuration(style: Style, *, sketch: bool) -> dict[str, Any]:
    """Return Mermaid's configuration. Raises InvalidInput for a theme that it does not have."""
    if style.theme not in THEMES:
        raise InvalidInput(f"theme {style.theme!r} is none of Mermaid's: {', '.join(THEMES)}")
    return {
        "startOnLoad": False,
        "securityLevel": "strict",
        "secure": list(SECURE),
        "suppressErrorRendering": True,
        "maxTextSize": style.caps.source_max_bytes,
        "maxEdges": style.caps.diagram_max_nodes,
        "theme": THEMES[style.theme],
        "look": "handDrawn" if sketch else "classic",
        "handDrawnSeed": 1,
        "htmlLabels": False,
        "flowchart": {"htmlLabels": False},
        "class": {"htmlLabels": False},
        "journey": {"textPlacement": "tspan"},
        "timeline": {"textPlacement": "tspan"},
    }


def finished(svg: str, style: Style, theme: str) -> Drawing:
    """Return Mermaid's SVG as a safe drawing with a size, a background and one family of fonts."""
    tree = Cleaner(NAME).clean_text(svg)
    _, _, width, height = view_box(tree)
    if not (0 < width < 1e6 and 0 < height < 1e6):
        raise InvalidInput(f"{NAME}: the drawing has no size, there is nothing to draw")
    mend(tree)
    tree.attrib.pop("style", None)
    put_background(tree, style.background if style.background is not None else BACKGROUNDS.get(theme, WHITE))
    set_size(tree, width, height)
    return Drawing(to_text(tree), width, height)


def refusal(answer: Answer, seen: Parsed) -> InvalidInput:
    """Return the error that Mermaid's answer means, with its place in the source."""
    message = OLD_PICTURE.sub("", answer.error).strip()
    place = None
    if answer.line is not None:
        place = seen.place_after(answer.line, answer.column or 0)
    elif found := PLACE.search(message):
        place = seen.place(int(found[1]), int(found[2] or found[3] or 1) - 1)
    elif found := YAML_PLACE.search(message):
        place = int(found[1]) + 1, int(found[2])  # below the first ---
        message = message[: found.start()]
    where = f":{place[0]}:{place[1]}" if place else ""
    text = re.sub(r"\s+", " ", LINES.sub("", BEGINNING.sub("", message))).strip()
    return InvalidInput(f"{NAME}{where}: {text[:1000] or 'Mermaid cannot read this'}")


def render(job: ChildJob) -> None:
    """Render the job's Mermaid source into `out/`."""
    from nexusd.renderers.engines.diagram import read_style, write_drawing
    from nexusd.renderers.engines.source import read_source

    source = read_source(job, NAME)
    job.progress(0.1, "reading")
    drawing = make(source, read_style(job), sketch=bool(job.input.get("sketch")))
    job.progress(0.8, "drawn")
    write_drawing(job, drawing)
