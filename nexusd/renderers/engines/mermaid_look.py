"""What Mermaid's SVG needs so that every viewer shows it as a browser does, with labels that are text instead of HTML.

Rules, each with a test: all text is in the family it was measured in; a width below nought, which browsers pass over, goes;
selectors that painters cannot read go from lists whose other selectors mean the same; colours of HTML labels hold for text too;
labels of mind maps that are placed by their middle are anchored there; text on the pale boxes of a journey is not white; in the
boxes of C4 the kind stands in the middle, and the description clear of the border.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.svg import SVG

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

FAMILIES: Final = '"Noto Sans","DejaVu Sans",sans-serif'
# With its semicolon: a rule that begins with one is not read by the painters.
FONT_FAMILY: Final = re.compile(r"font-family\s*:\s*[^;}]*;?")
NEGATIVE_WIDTH: Final = re.compile(r"stroke-width:\s*-[\d.]+;?")
ENDING: Final = re.compile(r'#[\w-]+ \[id\$="[^"]*"\],')
NOTE_COLOUR: Final = re.compile(r"(#[\w-]+) \.noteLabel \.nodeLabel[^{}]*\{\s*color:\s*([^;}]+)")
TEXT_COLOUR: Final = re.compile(r"#[\w-]+\{[^}]*\bfill:([^;}]+)")
C4_LIFT: Final = 8.0  # pixels: Mermaid leaves no room below a description, and much above it
CENTRED: Final = re.compile(r"translate\(0[, ]")


def mend(tree: Element) -> None:
    """Change a drawing in place."""
    for element in tree.iter():
        element.attrib.pop("font-family", None)
        if "font-family" in (style := element.get("style", "")):
            element.set("style", FONT_FAMILY.sub("", style))
        if element.tag == f"{{{SVG}}}style":
            element.text = mend_css(element.text or "")
    tree.set("font-family", FAMILIES)
    kind = tree.get("aria-roledescription")
    if kind == "mindmap":
        centre_labels(tree)
    elif kind == "journey":
        colour_texts(tree)
    elif kind == "c4":
        settle_boxes(tree)


def mend_css(css: str) -> str:
    """Return a stylesheet that painters read as a browser does."""
    css = ENDING.sub("", NEGATIVE_WIDTH.sub("", FONT_FAMILY.sub("", css)))
    if found := NOTE_COLOUR.search(css):
        css += f"{found[1]} .noteLabel text{{fill:{found[2]};}}"
    return css


def centre_labels(tree: Element) -> None:
    """Anchor the labels at their middle that stand at the middle of their node."""
    for group in tree.iter(f"{{{SVG}}}g"):
        if group.get("class") == "label" and CENTRED.match(group.get("transform", "")):
            for text in group.iter(f"{{{SVG}}}text"):
                text.set("text-anchor", "middle")


def settle_boxes(tree: Element) -> None:
    """Put the kind of each box of C4 in its middle, and lift the description: the first and the last of its texts."""
    for group in tree.iter(f"{{{SVG}}}g"):
        texts = group.findall(f"{{{SVG}}}text")
        if group.get("class") != "person-man" or len(texts) < 2:
            continue
        texts[0].set("x", texts[1].get("x", "0"))
        texts[0].set("text-anchor", "middle")
        if len(texts) > 2:
            texts[-1].set("y", f"{float(texts[-1].get('y', 0)) - C4_LIFT:g}")


def colour_texts(tree: Element) -> None:
    """Let the text in boxes have the drawing's own colour of text, which the stylesheet has for the HTML that is not there."""
    css = "".join(style.text or "" for style in tree.iter(f"{{{SVG}}}style"))
    colour = found[1] if (found := TEXT_COLOUR.search(css)) else "#333333"
    for text in tree.iter(f"{{{SVG}}}text"):
        if set(text.get("class", "").split()) & {"task", "journey-section"}:
            text.set("style", f"{text.get('style', '')};fill:{colour}".lstrip(";"))
