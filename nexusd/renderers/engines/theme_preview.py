"""What a theme looks like: its palettes, text on its surfaces, buttons, a card, messages; light and dark side by side.

Owns the drawing. Everything in it is measured by hand for Noto Sans; the only text from outside is the name, which is short.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.drawing import Drawing
from nexusd.renderers.engines.spec_fonts import SANS

if TYPE_CHECKING:
    from nexusd.renderers.engines.theme_roles import Theme

PANEL, HEIGHT, MARGIN = 600, 812, 32
INNER: Final = PANEL - 2 * MARGIN
BUTTONS: Final = (("primary", "Save changes", 132), ("secondary", "Preview", 98), ("accent", "Try it", 80))
MESSAGES: Final = (
    ("success", "Saved", "All 12 files are stored."),
    ("warning", "Storage is nearly full", "2.1 GB are left."),
    ("danger", "The render failed", "chart.vl.json:4:7: no data"),
    ("info", "A new version is there", "It starts with the next job."),
)
CIRCLES: Final = {"success": "✓", "warning": "!", "danger": "×", "info": "i"}  # noqa: RUF001 - the sign, not the letter


def preview(theme: Theme, name: str) -> Drawing:
    """Return the drawing."""
    panels = [
        f'<g transform="translate({number * PANEL},0)">{"".join(_Panel(theme, scheme, name).parts())}</g>'
        for number, scheme in enumerate(theme.roles)
    ]
    width = PANEL * len(panels)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}" '
        f'font-family="{SANS}" font-size="14">{"".join(panels)}</svg>\n'
    )
    return Drawing(svg, width, HEIGHT)


class _Panel:
    """One scheme, from top to bottom."""

    def __init__(self, theme: Theme, scheme: str, name: str) -> None:
        self._theme = theme
        self._scheme = scheme
        self._name = name
        self._roles = theme.roles[scheme]

    def parts(self) -> list[str]:
        """Return the shapes."""
        return [
            box(0, 0, PANEL, HEIGHT, self._roles["background"], 0),
            *self._head(32),
            *self._palettes(104),
            *self._surfaces(332),
            *self._buttons(432),
            *self._card(492),
            *self._messages(648),
        ]

    def _head(self, y: int) -> list[str]:
        roles = self._roles
        return [
            box(MARGIN, y, 48, 48, roles["brand"], 12, stroke=roles["border"]),
            text(MARGIN + 24, y + 30, "Aa", roles["on-brand"], size=18, weight=700, anchor="middle"),
            text(MARGIN + 64, y + 21, self._name, roles["text"], size=21, weight=700),
            text(MARGIN + 64, y + 42, f"{self._scheme.capitalize()} scheme · seed {self._theme.seed}", roles["text-muted"]),
        ]

    def _palettes(self, y: int) -> list[str]:
        shapes = []
        label, gap = 84, 3
        for row, (name, steps) in enumerate(self._theme.palettes.items()):
            top = y + row * 26
            shapes.append(text(MARGIN, top + 15, name.capitalize(), self._roles["text-muted"], size=12))
            width = (INNER - label + gap) / len(steps) - gap
            for column, colour in enumerate(steps.values()):
                shapes.append(box(MARGIN + label + column * (width + gap), top, width, 21, colour, 4))
        return shapes

    def _surfaces(self, y: int) -> list[str]:
        shapes, roles = [], self._roles
        width = (INNER - 3 * 10) / 4
        for column, name in enumerate(("background", "surface", "surface-muted", "surface-strong")):
            x = MARGIN + column * (width + 10)
            shapes += [
                box(x, y, width, 78, roles[name], 8, stroke=roles["border"]),
                text(x + 11, y + 23, name.removeprefix("surface-").capitalize(), roles["text"], weight=700, size=13),
                text(x + 11, y + 43, "Muted text", roles["text-muted"], size=12.5),
                text(x + 11, y + 62, "A link", roles["primary-text"], size=12.5, underline=True),
            ]
        return shapes

    def _buttons(self, y: int) -> list[str]:
        shapes, roles, x = [], self._roles, float(MARGIN)
        for name, label, width in BUTTONS:
            shapes += [
                box(x, y, width, 38, roles[name], 8),
                text(x + width / 2, y + 24, label, roles[f"on-{name}"], weight=700, anchor="middle"),
            ]
            x += width + 12
        shapes += [
            box(x, y, 92, 38, "none", 8, stroke=roles["border-strong"]),
            text(x + 46, y + 24, "Cancel", roles["text"], weight=700, anchor="middle"),
        ]
        x += 92 + 16
        shapes += [
            box(x - 3, y - 3, 90, 44, "none", 11, stroke=roles["focus"], stroke_width=2),
            box(x, y, 84, 38, roles["danger"], 8),
            text(x + 42, y + 24, "Delete", roles["on-danger"], weight=700, anchor="middle"),
        ]
        return shapes

    def _card(self, y: int) -> list[str]:
        roles, x = self._roles, MARGIN
        return [
            box(x, y, INNER, 132, roles["surface"], 12, stroke=roles["border"]),
            text(x + 20, y + 32, "Quarterly report", roles["text"], size=17, weight=700),
            text(x + 20, y + 54, "Rendered 3 minutes ago, 14 pages, nothing fetched.", roles["text-muted"], size=13),
            box(x + INNER - 92, y + 16, 72, 24, roles["primary-container"], 12),
            text(x + INNER - 56, y + 32.5, "Ready", roles["on-primary-container"], size=12.5, weight=700, anchor="middle"),
            box(x + 20, y + 74, INNER - 160, 38, roles["background"], 8, stroke=roles["border-strong"]),
            text(x + 34, y + 98, "Send to…", roles["text-muted"]),
            box(x + INNER - 124, y + 74, 104, 38, roles["accent-container"], 8),
            text(x + INNER - 72, y + 98, "Share", roles["on-accent-container"], weight=700, anchor="middle"),
        ]

    def _messages(self, y: int) -> list[str]:
        shapes, roles = [], self._roles
        width = (INNER - 12) / 2
        for number, (name, title, line) in enumerate(MESSAGES):
            x, top = MARGIN + number % 2 * (width + 12), y + number // 2 * 68
            ink = roles[f"on-{name}-container"]
            shapes += [
                box(x, top, width, 58, roles[f"{name}-container"], 10),
                f'<circle cx="{x + 26:g}" cy="{top + 29}" r="13" fill="{roles[name]}"/>',
                text(x + 26, top + 34, CIRCLES[name], roles[f"on-{name}"], weight=700, anchor="middle"),
                text(x + 50, top + 25, title, ink, weight=700, size=13.5),
                text(x + 50, top + 43, line, ink, size=12.5),
            ]
        return shapes


def box(
    x: float, y: float, width: float, height: float, fill: str, radius: float, *, stroke: str = "", stroke_width: float = 1
) -> str:
    """Return a rectangle; its line lies inside."""
    half = stroke_width / 2 if stroke else 0
    line = f' stroke="{stroke}" stroke-width="{stroke_width:g}"' if stroke else ""
    return (
        f'<rect x="{x + half:g}" y="{y + half:g}" width="{width - 2 * half:g}" height="{height - 2 * half:g}" '
        f'rx="{radius:g}" fill="{fill}"{line}/>'
    )


def text(
    x: float,
    y: float,
    content: str,
    fill: str,
    *,
    size: float = 14,
    weight: int = 400,
    anchor: str = "start",
    underline: bool = False,
) -> str:
    """Return a line of text that stands on `y`."""
    line = ' text-decoration="underline"' if underline else ""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{fill}" font-size="{size:g}" font-weight="{weight}" '
        f'text-anchor="{anchor}"{line}>{escape(content)}</text>'
    )
