"""Themes from brand colours, from the hardest seeds there are, and from pictures."""

from __future__ import annotations

from typing import Any, Final

from tests.gallery.case import Case

ALL_FILES: Final = 7


def theme(title: str, /, *texts: str, count: int = ALL_FILES, **options: Any) -> Case:
    """Return a case."""
    return Case(title, "theme", options, texts, count)


CASES: Final[list[Case]] = [
    theme("blue", "#2563eb", seed="#2563eb", name="harbour"),
    theme("yellow", seed="yellow", name="canary"),
    theme("out of sRGB", seed="color(display-p3 0 0.9 0.4)", name="fern", variant="vibrant"),
    theme("black", "#000000", seed="black", name="ink", contrast=7.0),
    theme("white", seed="white", name="paper"),
    theme("a quiet rose", seed="oklch(62% 0.17 8)", name="rose", variant="neutral"),
    theme("a logo", source={"$file": "logo.png"}, name="lighthouse"),
    theme("a drawn logo", source={"$file": "logo.svg"}, name="orchard"),
    theme("a photograph", source={"$file": "dusk.jpg"}, name="dusk"),
    theme("only the preview", "Dark scheme", seed="#7c3aed", name="violet", format="svg", count=1),
]
