"""What a drawing stands on: its size, and the colour behind it.

Owns nothing of what is drawn. A background is a rectangle, since the painters read no CSS background of an SVG.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from nexusd.renderers.engines.svg import SVG, number

TRANSPARENT: Final = "transparent"
BACKGROUND_CLASS: Final = "nexusd-background"
PIXELS: Final = {"pt": 4 / 3, "in": 96.0}


def view_box(root: ET.Element) -> tuple[float, float, float, float]:
    """Return what the drawing shows: x, y, width, height in its own units."""
    numbers = [float(part) for part in re.split(r"[\s,]+", root.get("viewBox", "").strip()) if part]
    if len(numbers) == 4:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    return 0.0, 0.0, number(root.get("width")), number(root.get("height"))


def set_size(root: ET.Element, width: float, height: float) -> None:
    """Say how large the drawing is, in CSS pixels."""
    for name, value in (("width", width), ("height", height)):
        root.set(name, f"{value:.3f}".rstrip("0").rstrip("."))


def pixels(length: str | None) -> float:
    """Return a length in CSS pixels. Understands pt and in; anything else counts as px."""
    return number(length) * PIXELS.get((length or "")[-2:], 1.0)


def put_background(root: ET.Element, colour: str | None) -> None:
    """Lay a colour behind all that is drawn. None and `transparent` lay nothing."""
    if colour is None or colour.lower() == TRANSPARENT:
        return
    x, y, width, height = (f"{value:g}" for value in view_box(root))
    sides = {"x": x, "y": y, "width": width, "height": height}
    rect = ET.Element(f"{{{SVG}}}rect", {"class": BACKGROUND_CLASS, **sides, "style": f"fill:{colour};stroke:none"})
    # Behind everything, yet after the styles, which some readers want first.
    root.insert(sum(child.tag in (f"{{{SVG}}}style", f"{{{SVG}}}title") for child in root[:2]), rect)
