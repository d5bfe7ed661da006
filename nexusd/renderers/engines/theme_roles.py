"""The roles of a theme: which colour each part of an interface has, light and dark, and what may stand on what.

Owns the pairs: every text on every ground it may stand on, every line that must be seen. Invariant: `check` holds for every
seed, variant and contrast from 4.5 to 7; the roles are made to reach it, and the report counts what came out.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from coloraide import Color

from nexusd.renderers.colours import luminance
from nexusd.renderers.engines.theme_tones import WHITE, Ink, best_on, contrast, readable

STEPS: Final = {
    50: 0.975,
    100: 0.945,
    200: 0.9,
    300: 0.83,
    400: 0.74,
    500: 0.65,
    600: 0.565,
    700: 0.485,
    800: 0.41,
    900: 0.34,
    950: 0.24,
}
SURFACES: Final = ("background", "surface", "surface-muted", "surface-strong")
ACCENTS: Final = ("primary", "secondary", "accent", "success", "warning", "danger", "info")
SIGNALS: Final = {"success": (148.0, 0.15), "warning": (75.0, 0.15), "danger": (25.0, 0.19), "info": (245.0, 0.14)}
HARMONY_MAX: Final = 12.0  # degrees that a signal's hue may turn to the seed's
LINE_RATIO: Final = 3.0  # WCAG 1.4.11
BRAND_RATIO: Final = 4.5  # the seed itself stays as it is: no more can be promised
BRIGHT: Final = (0.78, 0.82, 0.88)  # lightness from which a fill is bright, that of a warning, and the most
BRIGHT_CHROMA: Final = 0.08
DARK_ON: Final = "#101012"
NEUTRAL_CHROMA: Final = 0.012


class Scheme(NamedTuple):
    """Where a scheme's colours lie: lightness of the surfaces, text, fills and containers."""

    name: str
    surfaces: tuple[float, float, float, float]
    text: float
    muted: float
    border: float
    strong_border: float
    fill: tuple[float, float]
    container: float
    on_container: float
    dark: bool


LIGHT: Final = Scheme("light", (0.985, 1.0, 0.955, 0.92), 0.21, 0.47, 0.87, 0.62, (0.3, 0.64), 0.93, 0.32, dark=False)
DARK: Final = Scheme("dark", (0.17, 0.21, 0.245, 0.29), 0.95, 0.74, 0.34, 0.58, (0.68, 0.82), 0.33, 0.91, dark=True)
SCHEMES: Final = (LIGHT, DARK)


class Pair(NamedTuple):
    """A colour on a ground, with the contrast it must have and has."""

    foreground: str
    background: str
    required: float
    ratio: float


class Theme(NamedTuple):
    """All of a theme. `palettes` by name and step, `roles` by scheme and role; colours are `#rrggbb`."""

    seed: str
    palettes: dict[str, dict[int, str]]
    roles: dict[str, dict[str, str]]
    pairs: dict[str, list[Pair]]


def make_theme(seeds: list[str], variant: str, ratio: float) -> Theme:
    """Return the theme of a seed; a second and a third one become its accent and its secondary colour."""
    inks = find_inks(seeds, variant)
    palettes = {name: {step: ink.at(lightness) for step, lightness in STEPS.items()} for name, ink in inks.items()}
    wanted = {name: lightness_of(seed) for name, seed in zip(("primary", "accent", "secondary"), seeds, strict=False)}
    wanted.setdefault("warning", BRIGHT[1])
    roles = {scheme.name: find_roles(scheme, inks, seeds[0], wanted, ratio) for scheme in SCHEMES}
    return Theme(seeds[0], palettes, roles, {name: check(found, ratio) for name, found in roles.items()})


def find_inks(seeds: list[str], variant: str) -> dict[str, Ink]:
    """Return the ink of each palette."""
    _, chroma, hue = Color(seeds[0]).convert("oklch").coords(nans=False)
    grey = chroma < 0.01
    factor = {"faithful": 1.0, "vibrant": 1.3, "neutral": 0.4, "monochrome": 0.0}[variant]
    floor = 0.17 if variant == "vibrant" and not grey else 0.0
    primary = Ink(hue, max(chroma * factor, floor))
    accent = Ink((hue + 60) % 360, primary.chroma * 0.9)
    secondary = Ink(hue, primary.chroma * 0.4)
    others = [
        Ink(found[2], found[1] * factor) for seed in seeds[1:] for found in [Color(seed).convert("oklch").coords(nans=False)]
    ]
    inks = {
        "primary": primary,
        "secondary": others[1] if len(others) > 1 else secondary,
        "accent": others[0] if others else accent,
        "neutral": Ink(hue, 0.0 if grey or variant == "monochrome" else NEUTRAL_CHROMA),
    }
    for name, (signal_hue, signal_chroma) in SIGNALS.items():
        turn = 0.0 if grey else max(-HARMONY_MAX, min(HARMONY_MAX, ((hue - signal_hue + 180) % 360 - 180) * 0.15))
        inks[name] = Ink((signal_hue + turn) % 360, signal_chroma * max(factor, 0.55))
    return inks


def find_roles(scheme: Scheme, inks: dict[str, Ink], seed: str, wanted: dict[str, float], ratio: float) -> dict[str, str]:
    """Return the colour of every role of a scheme."""
    neutral, darker = inks["neutral"], not scheme.dark
    roles = {name: neutral.at(lightness) for name, lightness in zip(SURFACES, scheme.surfaces, strict=True)}
    grounds = tuple(roles.values())
    roles["text"] = readable(neutral, scheme.text, grounds, ratio, darker=darker)
    roles["text-muted"] = readable(neutral, scheme.muted, grounds, ratio, darker=darker)
    roles["border"] = neutral.at(scheme.border)
    roles["border-strong"] = readable(neutral, scheme.strong_border, grounds, LINE_RATIO, darker=darker)
    roles["focus"] = readable(inks["primary"], scheme.fill[1], grounds, LINE_RATIO, darker=darker)
    roles["brand"], roles["on-brand"] = seed, best_on(seed)
    low, high = scheme.fill
    for name in ACCENTS:
        lightness = wanted.get(name, (low + 2 * high) / 3)
        roles |= accent_roles(scheme, name, inks[name], lightness, grounds, ratio)
    return roles


def accent_roles(scheme: Scheme, name: str, ink: Ink, wanted: float, grounds: tuple[str, ...], ratio: float) -> dict[str, str]:
    """Return a colour's own roles: as a fill, as text, as a soft container, and what stands on those."""
    darker = not scheme.dark
    fill, on = find_fill(scheme, ink, wanted, grounds[:2], ratio)
    wanted = min(max(wanted, scheme.fill[0]), scheme.fill[1])
    container = ink.softened(0.35).at(scheme.container)
    return {
        name: fill,
        f"on-{name}": on,
        f"{name}-text": readable(ink, wanted, grounds, ratio, darker=darker),
        f"{name}-container": container,
        f"on-{name}-container": readable(ink.softened(0.7), scheme.on_container, (container,), ratio, darker=darker),
    }


def find_fill(scheme: Scheme, ink: Ink, wanted: float, grounds: tuple[str, ...], ratio: float) -> tuple[str, str]:
    """Return a colour for buttons and what stands on it.

    A bright hue such as yellow stays bright in the light scheme, with dark text: darkened for white text it would be olive.
    """
    if not scheme.dark and ink.chroma >= BRIGHT_CHROMA and wanted >= BRIGHT[0]:
        fill = ink.at(min(wanted, BRIGHT[2]))
        return fill, readable(ink.softened(0.4), 0.26, (fill,), ratio, darker=True)
    on = DARK_ON if scheme.dark else WHITE
    fill = readable(ink, min(max(wanted, scheme.fill[0]), scheme.fill[1]), grounds, LINE_RATIO, darker=not scheme.dark)
    if contrast(fill, on) < ratio:
        fill = readable(ink, lightness_of(fill), (on,), ratio, darker=not scheme.dark)
    return fill, on


def lightness_of(colour: str) -> float:
    """Return the lightness of a colour from 0 to 1."""
    return float(Color(colour).convert("oklch").coords(nans=False)[0])


def check(roles: dict[str, str], ratio: float) -> list[Pair]:
    """Return every pair with the contrast it has."""
    texts = ["text", "text-muted", *(f"{name}-text" for name in ACCENTS)]
    wanted = [(text, ground, ratio) for text in texts for ground in SURFACES]
    wanted += [(f"on-{name}{part}", f"{name}{part}", ratio) for name in ACCENTS for part in ("", "-container")]
    wanted.append(("on-brand", "brand", BRAND_RATIO))
    wanted += [(line, ground, LINE_RATIO) for line in ("border-strong", "focus") for ground in SURFACES]
    light = luminance(roles["background"]) > luminance(roles["text"])
    for name in ACCENTS:
        if not (light and luminance(roles[name]) > luminance(roles[f"on-{name}"])):  # bright: told by its text and its hue
            wanted += [(name, ground, LINE_RATIO) for ground in SURFACES[:2]]
    return [Pair(above, below, needed, contrast(roles[above], roles[below])) for above, below, needed in wanted]
