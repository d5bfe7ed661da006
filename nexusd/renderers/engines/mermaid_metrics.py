"""How wide text is in the fonts that Mermaid's drawings are painted with: Noto Sans, and DejaVu Sans where that has no glyph.

Mermaid asks these questions while it lays out. The answers and the painters read the same files, so text fits its box.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines import fonts

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDE_EM: Final = 1.0  # of a character that is in no font of ours: those of China, Japan and Korea fill a square
BOLD: Final = frozenset({"bold", "bolder", "600", "700", "800", "900"})
SIZE_MAX: Final = 1000.0


class Face:
    """One weight: a first font, and a second one for what the first lacks."""

    def __init__(self, *, bold: bool) -> None:
        import novasvg.fonts as metrics

        self._sized = metrics.Font
        fallback = next(file for file in fonts.files() if file.stem == ("DejaVuSans-Bold" if bold else "DejaVuSans"))
        self._faces = []
        for family, file in ((fonts.FAMILY, fonts.face(bold=bold)), (fonts.FALLBACK_FAMILY, fallback)):
            metrics.add_font_face_from_file(family, bold, False, str(file))
            face = metrics.get_font_face(family, bold, False)
            self._faces.append((face, frozenset(face.codepoints())))

    @functools.lru_cache(maxsize=256)  # noqa: B019 - the two faces live as long as the process
    def sized(self, index: int, size: float) -> Any:
        """Return one of the two fonts at a size in pixels."""
        return self._sized(self._faces[index][0], size)

    def runs(self, text: str) -> Iterator[tuple[int | None, str]]:
        """Divide a text into pieces by the font that has their glyphs; None has neither."""
        start, current = 0, self._font_of(text[0]) if text else 0
        for position, character in enumerate(text):
            font = self._font_of(character)
            if font != current:
                yield current, text[start:position]
                start, current = position, font
        if text:
            yield current, text[start:]

    def _font_of(self, character: str) -> int | None:
        return next((index for index, (_, has) in enumerate(self._faces) if ord(character) in has), None)

    def width(self, text: str, size: float) -> float:
        """Return how far a text advances, in pixels."""
        return sum(self._advance(index, run, size) for index, run in self.runs(text))

    def _advance(self, index: int | None, run: str, size: float) -> float:
        return len(run) * WIDE_EM * size if index is None else float(self.sized(index, size).measure_text(run))

    def glyphs(self, text: str, size: float) -> list[list[float]]:
        """Return where each glyph's ink begins and ends."""
        boxes: list[list[float]] = []
        pen = 0.0
        for index, run in self.runs(text):
            if index is not None:
                boxes += [[box[0] + pen, *box[1:]] for box in self.sized(index, size).glyph_boxes(run)]
            pen += self._advance(index, run, size)
        return boxes


@functools.cache
def face(bold: bool) -> Face:
    """Return the face of a weight, read once."""
    return Face(bold=bold)


def chosen(weight: Any) -> Face:
    """Return the face that a CSS weight means."""
    return face(str(weight or "").strip().lower() in BOLD)


def clamp(size: Any) -> float:
    """Return a font size that can be measured."""
    return min(max(float(size or 16), 0.1), SIZE_MAX)


def width(text: Any, size: Any, _family: Any, weight: Any, _style: Any) -> float:
    """Return a text's advance."""
    return chosen(weight).width(str(text or ""), clamp(size))


def full(text: Any, size: Any, _family: Any, weight: Any, _style: Any) -> str:
    """Return a text's advance and its font's heights, in JSON."""
    font = chosen(weight).sized(0, clamp(size))
    heights = {"ascent": font.ascent, "descent": -font.descent, "xHeight": font.x_height}
    return json.dumps({"width": width(text, size, None, weight, None), **heights})


def glyphs(text: Any, size: Any, _family: Any, weight: Any, _style: Any) -> str:
    """Return the boxes of a text's glyphs, in JSON."""
    return json.dumps(chosen(weight).glyphs(str(text or ""), clamp(size)))


def foreign_object(html: Any, size: Any, _family: Any, weight: Any, _style: Any) -> str:
    """Return the box of an HTML label, in JSON. Labels are SVG text here; Mermaid measures a few as HTML all the same."""
    import novasvg.fonts as metrics

    bold = chosen(weight) is face(True)
    font = chosen(weight).sized(0, clamp(size))
    return json.dumps(metrics.measure_foreign_object(str(html or ""), font, family=fonts.FAMILY, bold=bold))
