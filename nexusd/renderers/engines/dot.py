"""Graphviz DOT text to SVG, PNG or PDF, with any of the eight layout engines.

Graphviz draws the SVG, in its own metrics of Times, Helvetica and Courier; those fonts are not on every machine. So each text
says how wide it was laid out (`textLength`), and fits its box whatever face a viewer has: the like of Helvetica where there is
one, Noto Sans, Libertinus Serif and DejaVu Sans Mono in PNG and PDF. A source that names no font gets Helvetica instead of
Times. One source is one graph. Files are out of reach: see `dot_program`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.canvas import TRANSPARENT, pixels, put_background, set_size
from nexusd.renderers.engines.dot_program import NAME, run_graphviz
from nexusd.renderers.engines.dot_source import look_at
from nexusd.renderers.engines.drawing import Drawing, Style, too_large
from nexusd.renderers.engines.source import position
from nexusd.renderers.engines.svg import SVG, Cleaner, to_text
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from nexusd.renderers.job import ChildJob

DEFAULT_ENGINE: Final = "dot"
SVG_END: Final = "</svg>\n"
SEVERAL: Final = "the source holds several graphs; one diagram is one graph"
FONT: Final = {kind: {"fontname": "Helvetica"} for kind in "GNE"}
DARK: Final = {
    "G": {"bgcolor": "#1e1e1e", "fontcolor": "#e6e6e6", "color": "#9aa0a6", "pencolor": "#9aa0a6"},
    "N": {"color": "#9aa0a6", "fontcolor": "#e6e6e6", "fillcolor": "#37474f", "style": "filled"},
    "E": {"color": "#9aa0a6", "fontcolor": "#e6e6e6"},
}
LIGHT_TEXT, DARK_TEXT = "#e6e6e6", "#1e1e1e"
BRIGHT: Final = 0.55  # of white: above it, light text cannot be read
NAMED_BRIGHT: Final = re.compile(
    r"(light|pale|white|yellow|gold|ivory|beige|snow|azure|cream|blush|wheat|khaki|lavender|linen|pink)"
)
THEMES: Final = {"light": {}, "dark": DARK}
FAMILIES: Final = (
    (("courier", "mono", "consol", "menlo"), "Courier,'Courier New','Liberation Mono',Cousine,'DejaVu Sans Mono',monospace"),
    (("times", "georgia", "serif "), "Times,'Times New Roman','Liberation Serif',Tinos,'Libertinus Serif',serif"),
)
SANS: Final = "Helvetica,Arial,'Liberation Sans',Arimo,'Noto Sans',sans-serif"


def warm() -> None:
    """Load what a drawing needs, and let Graphviz draw once."""
    import tempfile
    from pathlib import Path

    import nexusd.renderers.engines.diagram  # noqa: F401 - writes what is drawn

    with tempfile.TemporaryDirectory() as folder:
        lay_out("digraph { warm }", Path(folder), Style(), DEFAULT_ENGINE)


def draw(source: str, folder: Path, style: Style) -> Drawing:
    """Return the picture of a graph, laid out by `dot`. See `drawing`."""
    return lay_out(source, folder, style, DEFAULT_ENGINE)


def lay_out(source: str, folder: Path, style: Style, engine: str) -> Drawing:
    """Return the picture of a graph, laid out by this engine."""
    nodes_max = style.caps.diagram_max_nodes
    check_source(source, nodes_max)
    drawn = run_graphviz(source, folder, f"-K{engine}", *defaults(style.theme), "-Tsvg", "-Tjson")
    svg, end, described = drawn.partition(SVG_END)
    graph = read_graph(described, nodes_max)
    tree = Cleaner(NAME).clean_text(svg + end)
    pin_texts(tree, text_widths(graph))
    if style.theme == "dark":
        darken_texts(tree)
    if style.background is not None:
        remove_background(tree)
        put_background(tree, style.background)
    width, height = pixels(tree.get("width")), pixels(tree.get("height"))
    set_size(tree, width, height)
    return Drawing(to_text(tree), width, height)


def render(job: ChildJob) -> None:
    """Render the job's DOT source into `out/`."""
    from nexusd.renderers.engines.diagram import read_style, write_drawing
    from nexusd.renderers.engines.source import read_source

    source = read_source(job, NAME)
    folder = job.workdir / "source"
    folder.mkdir(exist_ok=True)
    write_drawing(job, lay_out(source, folder, read_style(job), job.input.get("engine") or DEFAULT_ENGINE))


def check_source(source: str, nodes_max: int) -> None:
    """Refuse what is surely too large to lay out, or several graphs, before Graphviz reads it."""
    seen = look_at(source, nodes_max)
    if seen.parts > nodes_max:
        raise too_large(NAME, nodes_max)
    if seen.second is not None:
        raise InvalidInput(f"{NAME}:{position(source, seen.second)}: {SEVERAL}")


def read_graph(description: str, nodes_max: int) -> dict[str, Any]:
    """Return the graph that Graphviz's JSON describes. Refuses none, several, an empty and too large a one."""
    if not description.strip():
        raise InvalidInput(f"{NAME}: the source holds no graph, there is nothing to draw")
    graph: dict[str, Any]
    graph, end = json.JSONDecoder(strict=False).raw_decode(description.lstrip())
    if description.lstrip()[end:].strip():
        raise InvalidInput(f"{NAME}: {SEVERAL}")
    nodes = [thing for thing in graph.get("objects", ()) if "nodes" not in thing and "subgraphs" not in thing]
    if not nodes:
        raise InvalidInput(f"{NAME}: the graph holds no node, there is nothing to draw")
    if len(nodes) + len(graph.get("edges", ())) > nodes_max:
        raise too_large(NAME, nodes_max)
    return graph


def defaults(theme: str) -> list[str]:
    """Return the arguments for what a graph looks like where it does not say."""
    if theme not in THEMES:
        raise InvalidInput(f"theme {theme!r} is none of Graphviz's here: {', '.join(THEMES)}")
    return [
        f"-{kind}{name}={value}"
        for kind, fonts in FONT.items()
        for name, value in {**fonts, **THEMES[theme].get(kind, {})}.items()
    ]


def text_widths(drawn: dict[str, Any]) -> dict[tuple[str, str, str], float]:
    """Return how wide each text was laid out, by its place and its words."""
    widths = {}
    for thing in (drawn, *drawn.get("objects", ()), *drawn.get("edges", ())):
        for name, operations in thing.items():
            if not name.startswith("_") or not name.endswith("draw_"):
                continue
            for operation in operations:
                if operation["op"] == "T":
                    x, y = operation["pt"][:2]
                    widths[f"{x:.1f}", f"{-y:.1f}", operation["text"]] = float(operation["width"])
    return widths


def pin_texts(tree: Element, widths: dict[tuple[str, str, str], float]) -> None:
    """Let each text be as wide as it was laid out, in the faces that come nearest to those it was measured in."""
    for text in tree.iter(f"{{{SVG}}}text"):
        name = (text.get("font-family") or "").split(",")[0].lower()
        text.set("font-family", next((stack for words, stack in FAMILIES if any(word in name for word in words)), SANS))
        words = text.text or ""
        key = (f"{float(text.get('x', 0)):.1f}", f"{float(text.get('y', 0)):.1f}", words)
        if (width := widths.get(key, 0.0)) > 0 and words.strip():
            text.set("textLength", f"{width:g}")
            text.set("lengthAdjust", "spacingAndGlyphs")


def darken_texts(tree: Element) -> None:
    """Let text of the dark theme be dark where the source filled its shape with something bright."""
    for group in tree.iter(f"{{{SVG}}}g"):
        if group.get("class") not in ("node", "cluster"):
            continue
        parts = list(group.iter())
        fill = next((fill for part in parts if (fill := part.get("fill")) and part.tag != f"{{{SVG}}}text"), "none")
        if is_bright(fill):
            for part in parts:
                if part.tag == f"{{{SVG}}}text" and part.get("fill") == LIGHT_TEXT:
                    part.set("fill", DARK_TEXT)


def is_bright(colour: str) -> bool:
    """Whether light text cannot be read on a colour, as Graphviz writes it."""
    if found := re.match(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", colour):
        red, green, blue = (int(part, 16) / 255 for part in found.groups())
        return 0.299 * red + 0.587 * green + 0.114 * blue > BRIGHT
    return NAMED_BRIGHT.search(colour) is not None


def remove_background(tree: Element) -> None:
    """Take away the background that Graphviz drew: the first polygon of the graph itself."""
    for graph in tree.findall(f"{{{SVG}}}g"):
        polygon = graph.find(f"{{{SVG}}}polygon")
        if polygon is not None and polygon.get("stroke") in ("none", TRANSPARENT):
            graph.remove(polygon)
