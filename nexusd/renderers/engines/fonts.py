"""The fonts that are painted with: files that wheels bring, so that text looks the same on every machine, and never vanishes.

Noto Sans in four faces for what is written in Latin, Greek and Cyrillic; DejaVu Sans behind it for arrows, ticks and signs.
Both are open (OFL, Bitstream Vera). They are found without importing the packages that bring them. Typst has fonts of its own,
see `coverage`.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nexusd.renderers.job import RendererFailed

FAMILY: Final = "Noto Sans"
FALLBACK_FAMILY: Final = "DejaVu Sans"
REGULAR: Final = ("NotoSans-Regular", "DejaVuSans")
FOLDERS: Final = (("mermaid_render", "fonts", "NotoSans-*.ttf"), ("mermaidx", "assets/fonts", "DejaVuSans*.ttf"))


@functools.cache
def files() -> tuple[Path, ...]:
    """Return the font files, the family to be preferred first. Raises RendererFailed when there are none."""
    found = [
        file
        for package, folder, pattern in FOLDERS
        for file in sorted(_package(package).joinpath(folder).glob(pattern), key=_order)
    ]
    if not found:
        raise RendererFailed("the fonts are missing: pip install --force-reinstall mermaid-render mermaidx")
    return tuple(found)


@functools.cache
def folders() -> tuple[Path, ...]:
    """Return the folders of the font files; they hold no other fonts. Empty when there are none."""
    return tuple(folder for package, name, _ in FOLDERS if (folder := _package(package) / name).is_dir())


def face(*, bold: bool = False, italic: bool = False) -> Path:
    """Return the file of one face of FAMILY."""
    style = ("Bold" if bold else "") + ("Italic" if italic else "")
    return next(file for file in files() if file.stem == f"NotoSans-{style or 'Regular'}")


def _order(file: Path) -> tuple[bool, str]:
    """Regular faces first: resvg takes the first that has a missing character, and all of a text from there."""
    return file.stem not in REGULAR, file.name


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return Path("/nonexistent")
    return Path(spec.origin).parent
