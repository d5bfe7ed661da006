"""A theme as files: design tokens, CSS, Tailwind 4 and 3, and the report on contrast.

Pure: text from a theme. Sources: Design Tokens Format and Color Modules 2025.10 (Design Tokens Community Group); Tailwind CSS
4, "Theme variables"; Tailwind CSS 3, "Presets".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines.theme_roles import STEPS

if TYPE_CHECKING:
    from nexusd.renderers.engines.theme_roles import Pair, Theme

SCHEMA: Final = "https://www.designtokens.org/schemas/2025.10/format.json"
EXTENSION: Final = "nexusd.theme"
HEADER: Final = "/* {} from {}: every text has a contrast of {:.2f} at least to each ground it is meant for. */\n"


def to_tokens(theme: Theme, name: str, options: dict[str, Any]) -> str:
    """Return the design tokens: `palette`, and the roles of each scheme."""
    groups: dict[str, Any] = {
        "$schema": SCHEMA,
        "$description": f"{name}: a light and a dark scheme from {theme.seed}",
        "palette": {
            "$type": "color",
            **{ink: {str(step): token(colour) for step, colour in steps.items()} for ink, steps in theme.palettes.items()},
        },
    }
    for scheme, roles in theme.roles.items():
        groups[scheme] = {"$type": "color", **{role: token(colour) for role, colour in roles.items()}}
    groups["$extensions"] = {EXTENSION: {**options, "contrast": report(theme)}}
    return as_json(groups)


def token(colour: str) -> dict[str, Any]:
    """Return a colour token's value in sRGB, with the hexadecimal form for tools that read no other."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return {
        "$value": {"colorSpace": "srgb", "components": [round(channel, 5) for channel in channels], "alpha": 1, "hex": colour}
    }


def report(theme: Theme) -> dict[str, Any]:
    """Return the pairs of each scheme with the contrast they need and have."""
    return {scheme: [described(pair) for pair in pairs] for scheme, pairs in theme.pairs.items()}


def described(pair: Pair) -> dict[str, Any]:
    """Return one pair as it is reported; the ratio is cut, not rounded up to what it does not reach."""
    return {
        "foreground": pair.foreground,
        "background": pair.background,
        "required": pair.required,
        "ratio": int(pair.ratio * 100) / 100,
        "passes": pair.ratio >= pair.required,
    }


def to_report(theme: Theme) -> str:
    """Return the report on contrast as a file."""
    return as_json({"seed": theme.seed, "standard": "WCAG 2.2", **report(theme)})


def to_css(theme: Theme, name: str) -> str:
    """Return CSS variables: light, dark where the reader prefers that, and either where `data-theme` asks for it."""
    light, dark = (scheme_css(scheme, roles, name) for scheme, roles in theme.roles.items())
    palettes = "".join(
        f"  --{name}-{ink}-{step}: {colour};\n" for ink, steps in theme.palettes.items() for step, colour in steps.items()
    )
    return (
        header(theme, name)
        + f":root {{\n{palettes}}}\n\n"
        + f':root,\n[data-theme="light"] {{\n{light}}}\n\n'
        + f"@media (prefers-color-scheme: dark) {{\n  :root:not([data-theme]) {{\n{indented(dark)}  }}\n}}\n\n"
        + f'[data-theme="dark"] {{\n{dark}}}\n'
    )


def scheme_css(scheme: str, roles: dict[str, str], name: str) -> str:
    """Return the declarations of one scheme."""
    return f"  color-scheme: {scheme};\n" + "".join(f"  --{name}-{role}: {colour};\n" for role, colour in roles.items())


def to_tailwind_4(theme: Theme, name: str) -> str:
    """Return the theme of Tailwind 4, which refers to the variables of the CSS file beside it."""
    roles = "".join(f"  --color-{role}: var(--{name}-{role});\n" for role in theme.roles["light"])
    steps = "".join(f"  --color-{ink}-{step}: var(--{name}-{ink}-{step});\n" for ink in theme.palettes for step in STEPS)
    return (
        header(theme, name)
        + '@import "./theme.css";\n\n'
        + "@custom-variant dark {\n"
        + '  &:where([data-theme="dark"], [data-theme="dark"] *) {\n    @slot;\n  }\n'
        + "  @media (prefers-color-scheme: dark) {\n"
        + "    &:where(:root:not([data-theme]), :root:not([data-theme]) *) {\n      @slot;\n    }\n  }\n}\n\n"
        + f"@theme inline {{\n{roles}{steps}}}\n"
    )


def to_tailwind_3(theme: Theme, name: str) -> str:
    """Return a preset of Tailwind 3, for use with the CSS file beside it."""
    colours: dict[str, Any] = {role: f"var(--{name}-{role})" for role in theme.roles["light"]}
    for ink in theme.palettes:
        steps: dict[str, str] = {str(step): f"var(--{name}-{ink}-{step})" for step in STEPS}
        colours[ink] = {"DEFAULT": colours[ink], **steps} if ink in colours else steps
    preset = {"darkMode": ["selector", '[data-theme="dark"]'], "theme": {"extend": {"colors": colours}}}
    usage = '// presets: [require("./theme.tailwind.js")], and import theme.css\n'
    return header(theme, name) + usage + f"module.exports = {json.dumps(preset, indent=2)};\n"


def header(theme: Theme, name: str) -> str:
    """Return the first line of a style sheet."""
    required = min(pair.required for pairs in theme.pairs.values() for pair in pairs if pair.foreground.endswith("text"))
    return HEADER.format(name, theme.seed, required)


def indented(text: str) -> str:
    """Return lines moved to the right."""
    return "".join(f"  {line}\n" for line in text.splitlines())


def as_json(value: Any) -> str:
    """Return JSON that people can read."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
