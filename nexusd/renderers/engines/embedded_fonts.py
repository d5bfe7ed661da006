"""The fonts that stand in a drawing, as files that a painter can be given: resvg does not read `@font-face`.

Owns finding them and naming each file's family, weight and slant as the drawing's CSS does. A font that cannot be read costs
its text that font only, and is named on stderr. Leaves out the drawing's CSS, which stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.woff import to_truetype
from nexusd.renderers.job import RendererFailed

if TYPE_CHECKING:
    from pathlib import Path

FACE: Final = re.compile(r"@font-face\s*\{([^{}]*)\}", re.IGNORECASE)
FAMILY: Final = re.compile(r"""font-family\s*:\s*["']?([^"';{}]+?)["']?\s*(?:;|$)""", re.IGNORECASE)
CONTENT: Final = re.compile(r"""url\(\s*["']?data:[^,"')]*;base64,([A-Za-z0-9+/=\s]+)""", re.IGNORECASE)
WEIGHT: Final = re.compile(r"font-weight\s*:\s*(\w+)", re.IGNORECASE)
ITALIC: Final = re.compile(r"font-style\s*:\s*(?:italic|oblique)", re.IGNORECASE)
NAMED_WEIGHTS: Final = {"normal": 400, "bold": 700}


def take_fonts(svg: str, folder: Path) -> list[Path]:
    """Write the fonts of a drawing into a folder; return the files, in the order of the drawing."""
    files = []
    for number, face in enumerate(FACE.findall(svg)):
        family, content = FAMILY.search(face), CONTENT.search(face)
        if family is None or content is None:
            continue
        weight = WEIGHT.search(face)
        said = weight[1].lower() if weight else "normal"
        try:
            font = to_truetype(
                base64.b64decode(content[1]),
                family[1],
                weight=NAMED_WEIGHTS.get(said) or (int(said) if said.isdigit() else 400),
                italic=bool(ITALIC.search(face)),
            )
        except (RendererFailed, binascii.Error):
            sys.stderr.write(f"the font {family[1][:60]!r} of the drawing cannot be read; another stands for it\n")
            continue
        files.append(folder / f"{number}.ttf")
        files[-1].write_bytes(font)
    return files
