"""The fonts in a Vega spec: each name becomes a family that we have, so that text is measured and painted with the same font.

Owns which of our families stands for another. What names a font only while the spec runs (a signal, a field) is not seen here:
`vega` puts it right in the SVG. Pure but for what it tells on stderr.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

from nexusd.renderers.engines import fonts

SANS: Final = f"{fonts.FAMILY}, {fonts.FALLBACK_FAMILY}, sans-serif"
MONOSPACE: Final = "DejaVu Sans Mono, monospace"
FAMILIES: Final = (SANS, MONOSPACE)
MONOSPACED: Final = re.compile(r"mono|courier|consol|menlo|typewriter|fixed", re.IGNORECASE)
GENERIC: Final = frozenset({"sans-serif", "system-ui", "helvetica", "arial", "monospace", fonts.FAMILY.casefold()})
STYLES: Final = ("guide-label", "guide-title", "group-title", "group-subtitle", "cell", "text")
ROWS: Final = frozenset({"values", "datasets"})
NAMES_SHOWN_MAX: Final = 5


def with_default_fonts(vega: dict[str, Any]) -> dict[str, Any]:
    """Return the spec with our font for all text that names none."""
    config = dict(vega.get("config") or {})
    styles = dict(config.get("style") or {})
    for name in STYLES:
        styles[name] = {"font": SANS, **(styles.get(name) or {})}
    text = {"font": SANS, **(config.get("text") or {})}
    return {**vega, "config": {**config, "style": styles, "text": text}}


def use_our_fonts(vega: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the spec with our families in place of all others, and name those on stderr."""
    replaced: set[str] = set()
    spec: dict[str, Any] = _replace(vega, replaced)
    if replaced:
        shown = ", ".join(sorted(replaced)[:NAMES_SHOWN_MAX])
        sys.stderr.write(f"{name}: {shown}: not among the fonts here; {fonts.FAMILY} or DejaVu Sans Mono is used\n")
    return spec


def our_family(font: str) -> str:
    """Return the family of ours that stands for a CSS font list."""
    return MONOSPACE if MONOSPACED.search(font.partition(",")[0]) else SANS


def _replace(value: Any, replaced: set[str]) -> Any:
    if isinstance(value, list):
        return [_replace(item, replaced) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _replace_below(key, item, replaced) for key, item in value.items()}


def _replace_below(key: str, value: Any, replaced: set[str]) -> Any:
    if key in ROWS:
        return value
    return _font(value, replaced) if key == "font" or key.endswith("Font") else _replace(value, replaced)


def _font(value: Any, replaced: set[str]) -> Any:
    if isinstance(value, str):
        if value not in FAMILIES and (first := value.partition(",")[0].strip("\"' ")).casefold() not in GENERIC:
            replaced.add(first)
        return our_family(value)
    if isinstance(value, list):
        return [_font(item, replaced) for item in value]
    if isinstance(value, dict) and isinstance(value.get("value"), str):
        return {**value, "value": _font(value["value"], replaced)}
    return value
