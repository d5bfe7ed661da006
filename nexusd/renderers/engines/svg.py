"""Make the SVG that a tool drew safe to open and the same in every viewer.

Rules, each with a test: only elements of static SVG stay (anything else ends the render, dropping it would lose text);
event handlers go; a link stays when it leads to http, https or mailto, else its text stays without it; an image stays when it
is a data: URI, a remote one becomes a drawn placeholder, a local file ends the render; CSS and attributes refer to nothing
outside the file. What was taken away is named in the log.

`BoardCleaner` is for D2, which embeds files and has several boards: there a data: URI must stand in the source, and a link may
lead to another board. D2 measures code in em and formulas in ex of the viewer's own font: both are pinned to 16 px and 8 px.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from nexusd.renderers.job import InvalidInput, RendererFailed

SVG: Final = "http://www.w3.org/2000/svg"
XLINK: Final = "http://www.w3.org/1999/xlink"
HREFS: Final = ("href", f"{{{XLINK}}}href")
ELEMENT_NAMES: Final = """
svg g a defs style title desc metadata symbol use switch rect path circle ellipse line polyline polygon text
tspan textPath image marker mask clipPath pattern linearGradient radialGradient stop filter feBlend
feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap
feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode
feMorphology feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence
"""
ELEMENTS: Final = frozenset(ELEMENT_NAMES.split())
LINK: Final = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
DATA_IMAGE: Final = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE)
REMOTE: Final = re.compile(r"(?:https?:)?//", re.IGNORECASE)
FOREIGN_URL: Final = re.compile(r"""url\(\s*(?!["']?(?:\#|data:(?:application|font)/))[^)]*\)|@import[^;]*;?""", re.IGNORECASE)
FOREIGN_CSS: Final = re.compile(r"expression\s*\(|javascript:|-moz-binding|\\[0-9a-f]", re.IGNORECASE)
EX: Final = re.compile(r"(-?[\d.]+)ex")
PIXELS_PER_EX: Final = 8.0

ET.register_namespace("", SVG)
ET.register_namespace("xlink", XLINK)


class Cleaner:
    """Cleans the drawings made of one source. `name` is what messages call that."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._warned: set[str] = set()

    def clean_text(self, text: str) -> ET.Element:
        """Return the clean tree of an SVG document. Raises InvalidInput or RendererFailed for what cannot be made safe."""
        if "<!ENTITY" in text:
            raise RendererFailed("the tool drew an SVG with entities; it cannot be made safe")
        return self.clean_tree(ET.fromstring(text))

    def clean_tree(self, root: ET.Element) -> ET.Element:
        """Clean a tree in place and return it. Raises what `clean_text` raises."""
        for parent in root.iter():
            self._clean_attributes(parent)
            for position, child in enumerate(list(parent)):
                parent[position] = self._clean_element(child)
        return root

    def _clean_element(self, element: ET.Element) -> ET.Element:
        namespace, _, name = element.tag.rpartition("}")
        if namespace != f"{{{SVG}" or name not in ELEMENTS:
            raise RendererFailed(f"the tool drew a <{name}> element, which cannot be made safe")
        if name == "a":
            self._clean_link(element)
        elif name == "image":
            return self._clean_image(element)
        elif name == "style":
            element.text = self._clean_css(element.text or "")
        else:
            self._keep_local_references(element)
        return element

    def _clean_attributes(self, element: ET.Element) -> None:
        for name, value in list(element.attrib.items()):
            if name.rpartition("}")[2].lower().startswith("on"):
                self._warn(f"removed the event handler {name}")
                del element.attrib[name]
            elif name in ("width", "height") and (size := EX.fullmatch(value)):
                element.set(name, f"{float(size[1]) * PIXELS_PER_EX:.3f}")
            elif name not in HREFS and ("url(" in value or name == "style"):
                element.set(name, self._clean_css(value))

    def _clean_css(self, css: str) -> str:
        cleaned = FOREIGN_URL.sub("none", css)
        if cleaned != css:
            self._warn("removed a reference to outside of the file from a style")
        return FOREIGN_CSS.sub("", cleaned)

    def _keep_local_references(self, element: ET.Element) -> None:
        for name in HREFS:
            if not element.get(name, "#").startswith("#"):
                self._warn(f"removed a reference to {element.attrib.pop(name)[:200]}")

    def _clean_link(self, element: ET.Element) -> None:
        target = take_target(element)
        self._link(element, target)

    def _link(self, element: ET.Element, target: str) -> None:
        """Let an element lead to `target`, if it may."""
        if LINK.match(target):
            element.set("href", target)
            element.set("rel", "noopener noreferrer")
        elif target:
            self._warn(f"removed the link to {target[:200]!r}: links may lead to http, https and mailto")

    def _clean_image(self, element: ET.Element) -> ET.Element:
        target = next((element.attrib[name] for name in HREFS if name in element.attrib), "")
        if target.startswith("data:"):
            if DATA_IMAGE.match(target):
                return element
            raise InvalidInput(f"{self._name}: an icon is no picture: {target[:60]}")
        if not REMOTE.match(target):
            raise InvalidInput(f"{self._name}: the icon {target[:200]!r} names a file; a diagram has no files, use a data: URI")
        self._warn(f"the icon {target[:200]} is remote and was not fetched; a placeholder stands for it")
        return placeholder(element, target)

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            sys.stderr.write(f"{self._name}: {message}\n")


class BoardCleaner(Cleaner):
    """Cleans the boards of one D2 diagram. `boards` maps each board's file to the name of its picture."""

    def __init__(self, source: str, boards: dict[Path, str]) -> None:
        super().__init__("diagram.d2")
        self._source = source
        self._boards = boards
        self._board = Path()
        self._patterns: set[int] = set()  # pictures that are D2's own: no icon is ever put into <defs>

    def clean(self, path: Path) -> ET.Element:
        """Return the clean tree of a board. Raises InvalidInput or RendererFailed for what cannot be made safe."""
        text = path.read_text("utf-8")
        if "<!DOCTYPE" in text:
            raise RendererFailed("D2 drew an SVG with a document type; it cannot be made safe")
        root = ET.fromstring(text)
        self._board = path
        self._patterns = {id(image) for defs in root.iter(f"{{{SVG}}}defs") for image in defs.iter(f"{{{SVG}}}image")}
        self.clean_tree(root).set("font-size", "16px")
        return root

    def _link(self, element: ET.Element, target: str) -> None:
        board = self._board_at(target)
        if board is None:
            super()._link(element, target)
        else:
            element.set("href", f"{board}.svg")

    def _board_at(self, target: str) -> str | None:
        """Return the name of the board that a relative link leads to."""
        wanted = posixpath.normpath(posixpath.join(self._board.parent.as_posix(), unquote(target)))
        return next((name for file, name in self._boards.items() if file.as_posix() == wanted), None)

    def _clean_image(self, element: ET.Element) -> ET.Element:
        target = next((element.attrib[name] for name in HREFS if name in element.attrib), "")
        if target.startswith("data:") and target not in self._source and id(element) not in self._patterns:
            raise InvalidInput("diagram.d2: an icon names a file; a diagram has no files, use a data: URI")
        return super()._clean_image(element)


def take_target(element: ET.Element) -> str:
    """Remove where an element leads to, and return it."""
    target = next((element.attrib[name] for name in HREFS if name in element.attrib), "")
    for name in HREFS:
        element.attrib.pop(name, None)
    return target


def placeholder(image: ET.Element, target: str) -> ET.Element:
    """Return a framed picture-that-is-missing of the same place and size, with the address as its tooltip."""
    x, y, width, height = (number(image.get(name)) for name in ("x", "y", "width", "height"))
    group = ET.Element(f"{{{SVG}}}g", {"fill": "none", "stroke": "#8a8f98", "stroke-width": "1.5"})
    ET.SubElement(group, f"{{{SVG}}}title").text = f"{target} (not fetched)"
    frame = {"x": x + 1, "y": y + 1, "width": max(width - 2, 1), "height": max(height - 2, 1), "rx": min(width, height) / 12}
    box = ET.SubElement(group, f"{{{SVG}}}rect", {name: f"{value:.2f}" for name, value in frame.items()})
    box.attrib.update({"fill": "#f2f3f5", "stroke-dasharray": "4 3"})
    points = ((0.15, 0.78), (0.4, 0.45), (0.55, 0.62), (0.68, 0.5), (0.85, 0.78))
    hills = " ".join(f"{x + width * across:.2f},{y + height * down:.2f}" for across, down in points)
    ET.SubElement(group, f"{{{SVG}}}polyline", {"points": hills, "stroke-linejoin": "round"})
    sun = {"cx": x + width * 0.7, "cy": y + height * 0.28, "r": min(width, height) * 0.08}
    ET.SubElement(group, f"{{{SVG}}}circle", {name: f"{value:.2f}" for name, value in sun.items()})
    return group


def number(text: str | None) -> float:
    """Return a length in pixels; nought when it is none."""
    found = re.match(r"-?[\d.]+", text or "")
    return float(found[0]) if found else 0.0


def write_svg(root: ET.Element, path: Path) -> None:
    """Write a tree as an SVG file of its own."""
    path.write_text(to_text(root), "utf-8")


def to_text(root: ET.Element) -> str:
    """Return a tree as the text of an SVG file of its own."""
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, "unicode")}\n'
