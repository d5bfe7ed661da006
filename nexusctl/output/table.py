"""Tables that fit: columns where there is room, records of two lines where there is not.

Owns the layout only. Cells must be clean already (`text.clean_line`).

Invariants: no line is wider than the width; without a width nothing is shortened; the first column (an id) is never
shortened, for it is there to be copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nexusctl.output.text import cell_width, pad, shorten

if TYPE_CHECKING:
    from nexusctl.output.screen import Style

GAP: Final = "  "
LAST_COLUMN_MIN: Final = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell and its colour."""

    text: str
    colour: str | None = None


def format_table(head: list[str], rows: list[list[Cell]], style: Style) -> str:
    """Return the table as text. The last column takes what room is left; when that is too little, records are stacked."""
    texts = [head, *([cell.text for cell in row] for row in rows)]
    widths = [max(map(cell_width, column)) for column in zip(*texts, strict=True)]
    if style.width is not None:
        used = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
        room = style.width - used
        if room < min(widths[-1], LAST_COLUMN_MIN):
            return "\n".join(_stacked(row, style, style.width) for row in rows)
        widths[-1] = min(widths[-1], room)
    lines = [_line([Cell(text, "bold") for text in head], widths, style)]
    lines += [_line(row, widths, style) for row in rows]
    return "\n".join(lines)


def _line(row: list[Cell], widths: list[int], style: Style) -> str:
    cells = []
    for cell, width in zip(row, widths, strict=True):
        text = shorten(cell.text, width)
        cells.append(style.paint(text, cell.colour) + pad("", width - cell_width(text)))
    return GAP.join(cells).rstrip()


def _stacked(row: list[Cell], style: Style, width: int) -> str:
    first, *others = row
    line = "  "
    room = width - len(line)
    for cell in others:
        if not cell.text or room <= 0:
            continue
        text = shorten(cell.text, room)
        line += style.paint(text, cell.colour) + GAP
        room -= cell_width(text) + len(GAP)
    return f"{style.paint(first.text, first.colour)}\n{line.rstrip()}"
