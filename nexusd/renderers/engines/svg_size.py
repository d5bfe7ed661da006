"""How large a drawing is, in CSS pixels, from what its root says: `width`, `height` and `viewBox`.

Owns the units and what stands for a missing size, as a browser would have it: the other side and the proportions of the
viewBox, the viewBox itself, 300 x 150. A share (%) is one of the viewBox. Leaves out bounds: who paints knows how much is too
much. The drawing is given back with its size written in pixels, so that every tool reads the same. Source: SVG 2, §8.2; CSS
Values 4, §6.2.
"""

from __future__ import annotations

import math
import re
from typing import Final

from nexusd.renderers.engines.drawing import Drawing
from nexusd.renderers.job import InvalidInput

ROOT: Final = re.compile(r"""<svg\b((?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(/?>)""")
ATTRIBUTE: Final = re.compile(r"""\s+([\w:.-]+)\s*=\s*("[^"]*"|'[^']*')""")
LENGTH: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(%|[a-z]*)\s*", re.IGNORECASE)
NUMBERS: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
UNITS: Final = {
    "": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54, "q": 2.4 / 2.54,
    "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0,
}  # fmt: skip
DEFAULT_WIDTH, DEFAULT_HEIGHT = 300.0, 150.0
SIDE_MAX: Final = 1_000_000.0


def to_drawing(svg: str, *, name: str, side_max: float = SIDE_MAX) -> Drawing:
    """Return a safe SVG with its size, which its root then names in pixels. Raises InvalidInput when it cannot have one."""
    root = ROOT.search(svg)
    if root is None:
        raise InvalidInput(f"{name}: no SVG: it has no <svg> element")
    given = {key: value[1:-1] for key, value in ATTRIBUTE.findall(root[1])}
    width, height = size(given, name)
    for side, length in (("width", width), ("height", height)):
        if not 0 < length <= side_max:
            raise InvalidInput(f"{name}: a {side} of {length:g} pixels cannot be drawn; at most {side_max:,.0f} can")
    kept = "".join(f" {key}={value}" for key, value in ATTRIBUTE.findall(root[1]) if key not in ("width", "height"))
    start = f'<svg{kept} width="{written(width)}" height="{written(height)}"{root[2]}'
    return Drawing(svg[: root.start()] + start + svg[root.end() :], width, height)


def size(given: dict[str, str], name: str) -> tuple[float, float]:
    """Return width and height in pixels, perhaps nought or less."""
    box = [float(text) for text in NUMBERS.findall(given.get("viewBox", ""))]
    inner = (box[2], box[3]) if len(box) == 4 and box[2] > 0 and box[3] > 0 else None
    width = length(given.get("width"), inner and inner[0], f"{name}: the width")
    height = length(given.get("height"), inner and inner[1], f"{name}: the height")
    if inner is None:
        return DEFAULT_WIDTH if width is None else width, DEFAULT_HEIGHT if height is None else height
    if width is None:
        width = inner[0] if height is None else height * inner[0] / inner[1]
    return width, width * inner[1] / inner[0] if height is None else height


def length(text: str | None, whole: float | None, what: str) -> float | None:
    """Return a length in pixels; None when it is not given, or follows what is around the drawing."""
    if text is None or not text.strip() or text.strip() == "auto":
        return None
    found = LENGTH.fullmatch(text)
    if found is None:
        raise InvalidInput(f"{what} {text[:40]!r} is no length; write a number of pixels")
    number = float(found[1])
    if not math.isfinite(number):
        raise InvalidInput(f"{what} {text[:40]!r} is too large")
    if found[2] == "%" or found[2].lower() in ("vw", "vh", "vmin", "vmax"):
        return None if whole is None else whole * number / 100
    if found[2].lower() not in UNITS:
        raise InvalidInput(f"{what} {text[:40]!r} has an unknown unit; write a number of pixels")
    return number * UNITS[found[2].lower()]


def written(number: float) -> str:
    """Return a number as short as it can be."""
    return f"{number:.4f}".rstrip("0").rstrip(".")
