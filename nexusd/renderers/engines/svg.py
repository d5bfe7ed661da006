"""Make the SVG that a tool drew safe to open and the same in every viewer.

`svg_safety` takes out what could act or reach out, and names it in the log. Here is what the drawing of a tool needs besides,
each rule with a test: only elements of static SVG may be in it (anything else ends the render, dropping it would lose text); a
remote picture becomes a drawn placeholder; a local file, and what is no picture, ends the render.

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

from nexusd.renderers.engines import svg_safety
from nexusd.renderers.job import InvalidInput, RendererFailed

SVG: Final = svg_safety.SVG
XLINK: Final = svg_safety.XLINK
HREFS: Final = ("href", f"{{{XLINK}}}href")
ELEMENTS: Final = svg_safety.ELEMENTS - svg_safety.ANIMATIONS | {"metadata"}
DATA_IMAGE: Final = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE)
REMOTE: Final = re.compile(r"(?:https?:)?//", re.IGNORECASE)
EX: Final = re.compile(r"(-?[\d.]+)ex")
PIXELS_PER_EX: Final = 8.0
BOARD: Final = "#nexusd-board-"  # stands for a link to another board while the drawing is made safe

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
        try:
            root = ET.fromstring(text)
        except ET.ParseError:
            what = "the source holds a control character, or another that an SVG cannot hold: take it out"
            raise InvalidInput(f"{self._name}: {what}") from None
        if self._prepare(root):
            text = ET.tostring(root, "unicode")
        return ET.fromstring(svg_safety.make_safe(text, name=self._name))

    def _prepare(self, root: ET.Element) -> bool:
        """Refuse what may not be there, and replace what would only be taken out; tell whether anything was."""
        changed = False
        for parent in root.iter():
            for position, child in enumerate(parent):
                namespace, _, name = child.tag.rpartition("}")
                if namespace != f"{{{SVG}" or name not in ELEMENTS:
                    raise RendererFailed(f"the tool drew a <{name}> element, which cannot be made safe")
                if name == "image":
                    parent[position] = self._clean_image(child)
                    changed = changed or parent[position] is not child
                elif name == "a":
                    changed = self._prepare_link(child) or changed
        return changed

    def _prepare_link(self, _link: ET.Element) -> bool:
        return False

    def _clean_image(self, element: ET.Element) -> ET.Element:
        target = target_of(element)
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
        # By number: a source can write such a link too, and must not say what it becomes.
        self._anchors = {name: f"{BOARD}{number}" for number, name in enumerate(boards.values())}
        self._links = {anchor: f"{name}.svg" for name, anchor in self._anchors.items()}
        self._board = Path()
        self._patterns: set[int] = set()  # pictures that are D2's own: no icon is ever put into <defs>

    def clean(self, path: Path) -> ET.Element:
        """Return the clean tree of a board. Raises InvalidInput or RendererFailed for what cannot be made safe."""
        text = path.read_text("utf-8")
        if "<!DOCTYPE" in text:
            raise RendererFailed("D2 drew an SVG with a document type; it cannot be made safe")
        self._board = path
        root = self.clean_text(text)
        for element in root.iter():
            self._finish(element)
        root.set("font-size", "16px")
        return root

    def _prepare(self, root: ET.Element) -> bool:
        self._patterns = {id(image) for defs in root.iter(f"{{{SVG}}}defs") for image in defs.iter(f"{{{SVG}}}image")}
        return super()._prepare(root)

    def _prepare_link(self, link: ET.Element) -> bool:
        board = self._board_at(target_of(link))
        for name in HREFS if board is not None else ():
            link.attrib.pop(name, None)
        if board is not None:
            link.set("href", self._anchors[board])
        return board is not None

    def _finish(self, element: ET.Element) -> None:
        """Lead a link to its board, and let sizes not depend on the viewer's font."""
        for name in ("width", "height"):
            if size := EX.fullmatch(element.get(name, "")):
                element.set(name, f"{float(size[1]) * PIXELS_PER_EX:.3f}")
        if link := self._links.get(element.get("href", "")):
            element.set("href", link)

    def _board_at(self, target: str) -> str | None:
        """Return the name of the board that a relative link leads to."""
        wanted = posixpath.normpath(posixpath.join(self._board.parent.as_posix(), unquote(target)))
        return next((name for file, name in self._boards.items() if file.as_posix() == wanted), None)

    def _clean_image(self, element: ET.Element) -> ET.Element:
        target = target_of(element)
        if target.startswith("data:") and target not in self._source and id(element) not in self._patterns:
            raise InvalidInput("diagram.d2: an icon names a file; a diagram has no files, use a data: URI")
        return super()._clean_image(element)


def target_of(element: ET.Element) -> str:
    """Return where an element leads to."""
    return next((element.attrib[name] for name in HREFS if name in element.attrib), "")


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
