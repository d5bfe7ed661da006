"""Which texts are CSS colours, and how light one is. Pure; what a colour looks like is the painters' business.

Understood: names, `#` with three, four, six or eight digits, and the functions rgb, rgba, hsl and hsla. Nothing else looks the
same in every viewer of SVG.
"""

from __future__ import annotations

import functools
import re
from typing import Final

COLOUR_NAMES: Final = """
aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown burlywood cadetblue
chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod darkgray darkgreen darkgrey
darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen darkslateblue darkslategray
darkslategrey darkturquoise darkviolet deeppink deepskyblue dimgray dimgrey dodgerblue firebrick floralwhite forestgreen
fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink indianred indigo ivory khaki lavender
lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan lightgoldenrodyellow lightgray lightgreen lightgrey
lightpink lightsalmon lightseagreen lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime limegreen linen
magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple mediumseagreen mediumslateblue mediumspringgreen
mediumturquoise mediumvioletred midnightblue mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab orange
orangered orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum powderblue purple
rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue slateblue
slategray slategrey snow springgreen steelblue tan teal thistle tomato transparent turquoise violet wheat white whitesmoke
yellow yellowgreen
"""
NAMES: Final = frozenset(COLOUR_NAMES.split())
HEX: Final = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)"
FUNCTION: Final = re.compile(
    rf"(?:rgba?\(\s*{NUMBER}%?(?:\s*,\s*|\s+){NUMBER}%?|hsla?\(\s*{NUMBER}(?:deg)?(?:\s*,\s*|\s+){NUMBER}%)"
    rf"(?:\s*,\s*|\s+){NUMBER}%?(?:\s*[,/]\s*{NUMBER}%?)?\s*\)"
)


def check_colour(text: str) -> str:
    """Return a CSS colour in lower case. Raises ValueError when it is none."""
    colour = text.strip().lower()
    if colour in NAMES or HEX.fullmatch(colour) or FUNCTION.fullmatch(colour):
        return colour
    raise ValueError(f"{text!r} is no CSS colour: use a name, #rrggbb, rgb(…), hsl(…) or transparent")


@functools.lru_cache(maxsize=4096)
def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, from 0 to 1. Source: WCAG 2.2."""
    red, green, blue = (_linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
