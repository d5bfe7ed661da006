"""Themes of any seed: every pair has its contrast, counted here by the formula of WCAG and nothing of ours."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from nexusd.renderers.engines import theme_files as files
from nexusd.renderers.engines.theme_roles import ACCENTS, SURFACES, Theme, make_theme
from nexusd.renderers.engines.theme_seed import parse_colour
from nexusd.renderers.job import InvalidInput

HEX = re.compile(r"#[0-9a-f]{6}")
EXTREMES = [
    "#000000",
    "#ffffff",
    "#ffff00",
    "#00ff00",
    "#ff0000",
    "#0000ff",
    "#00ffff",
    "#ff00ff",
    "#808080",
    "#010101",
    "#fefefe",
]
QUICK = (Phase.explicit, Phase.generate)  # a seed that fails says enough as it is
VARIANTS = ["faithful", "vibrant", "neutral", "monochrome"]
seeds = st.one_of(st.sampled_from(EXTREMES), st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}"))


def ratio(one: str, other: str) -> float:
    """Source: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(colour: str) -> float:
        number = int(colour[1:], 16)
        red, green, blue = (
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in ((number >> shift & 0xFF) / 255 for shift in (16, 8, 0))
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    first, second = luminance(one), luminance(other)
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def check_pairs(theme: Theme, required: float) -> None:
    for roles in theme.roles.values():
        assert all(HEX.fullmatch(colour) for colour in roles.values())
        for ground in SURFACES:
            for text in ("text", "text-muted", *(f"{name}-text" for name in ACCENTS)):
                assert ratio(roles[text], roles[ground]) >= required, (theme.seed, text, ground)
            for line in ("border-strong", "focus"):
                assert ratio(roles[line], roles[ground]) >= 3, (theme.seed, line, ground)
        for name in ACCENTS:
            assert ratio(roles[f"on-{name}"], roles[name]) >= required, (theme.seed, name)
            assert ratio(roles[f"on-{name}-container"], roles[f"{name}-container"]) >= required, (theme.seed, name)
        assert ratio(roles["on-brand"], roles["brand"]) >= 4.5
        assert roles["brand"] == theme.seed


@pytest.mark.slow
@settings(max_examples=25, deadline=None, phases=QUICK)
@given(st.lists(seeds, min_size=1, max_size=3), st.sampled_from(VARIANTS), st.sampled_from([4.5, 5.2, 7.0]))
def test_every_text_can_be_read_on_every_ground(found: list[str], variant: str, required: float) -> None:
    check_pairs(make_theme(found, variant, required), required)


@pytest.mark.slow
@pytest.mark.parametrize("required", [4.5, 7.0])
def test_the_hardest_seeds(required: float) -> None:
    for seed in EXTREMES:
        check_pairs(make_theme([seed], "faithful", required), required)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, phases=QUICK)
@given(seeds)
def test_what_is_reported_is_true_and_complete(seed: str) -> None:
    theme = make_theme([seed], "faithful", 4.5)
    report = json.loads(files.to_report(theme))
    for scheme, roles in theme.roles.items():
        found = {(pair["foreground"], pair["background"]): pair for pair in report[scheme]}
        assert {("text", ground) for ground in SURFACES} <= found.keys()
        assert {(f"on-{name}", name) for name in ACCENTS} <= found.keys()
        for (above, below), pair in found.items():
            assert pair["passes"]
            assert 0 <= ratio(roles[above], roles[below]) - pair["ratio"] < 0.0101


def test_contrast_can_be_raised() -> None:
    low, high = (make_theme(["#3b82f6"], "faithful", required) for required in (4.5, 7.0))
    assert low.roles["light"]["primary"] != high.roles["light"]["primary"]


def test_a_bright_seed_stays_bright_and_a_grey_one_grey() -> None:
    assert make_theme(["#ffdd00"], "faithful", 4.5).roles["light"]["primary"].startswith("#f")
    theme = make_theme(["#777777"], "vibrant", 4.5)
    for role in ("primary", "accent", "secondary", "background"):
        red, green, blue = (theme.roles["light"][role][start : start + 2] for start in (1, 3, 5))
        assert red == green == blue


def test_other_seeds_are_the_accent_and_the_secondary_colour() -> None:
    plain, more = make_theme(["#0c4a70"], "faithful", 4.5), make_theme(["#0c4a70", "#e03924", "#fbcf15"], "faithful", 4.5)
    assert plain.roles["light"]["primary"] == more.roles["light"]["primary"]
    assert int(more.roles["light"]["accent"][1:3], 16) > 0xA0
    assert more.palettes["secondary"] != plain.palettes["secondary"]


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#3B82F6", "#3b82f6"),
        ("rebeccapurple", "#663399"),
        ("hsl(0 100% 50%)", "#ff0000"),
        ("rgb(0 0 0)", "#000000"),
        ("lab(150 200 0)", "#ffffff"),
        ("oklch(0% 0 0)", "#000000"),
        ("color(srgb 1 1 1)", "#ffffff"),
    ],
)
def test_css_colours(text: str, colour: str) -> None:
    assert parse_colour(text) == colour


def test_a_colour_that_no_screen_shows_is_brought_near() -> None:
    assert HEX.fullmatch(parse_colour("color(display-p3 0 1 0)"))
    assert HEX.fullmatch(parse_colour("oklch(70% 0.5 140)"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blurple", "'blurple' is no CSS colour; write one such as #3b82f6"),
        ("", "no CSS colour"),
        ("transparent", "transparent; a seed must be opaque"),
        ("rgb(0 0 0 / 50%)", "must be opaque"),
        ("#3b82f680", "must be opaque"),
        ("oklch(1e300 1e300 0)", "far from any colour"),
        ("url(http://example.org)", "no CSS colour"),
    ],
)
def test_what_is_no_seed_is_told(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        parse_colour(text)


@pytest.fixture(scope="module")
def theme() -> Theme:
    return make_theme(["#2563eb"], "faithful", 4.5)


def test_tokens_are_of_the_format(theme: Theme) -> None:
    """Names hold no character that a reference needs; each value is one of the Color Module, its two forms agree."""
    tokens = json.loads(files.to_tokens(theme, "x", {"variant": "faithful"}))
    assert list(tokens) == ["$schema", "$description", "palette", "light", "dark", "$extensions"]
    assert len(tokens["$extensions"]["nexusd.theme"]["contrast"]["light"]) > 40
    groups = [*(tokens["palette"][name] for name in theme.palettes), tokens["light"], tokens["dark"]]
    count = 0
    for group in groups:
        for name, token in group.items():
            if name == "$type":
                continue
            assert not set(name) & set("${}.")
            value = token["$value"]
            assert set(value) == {"colorSpace", "components", "alpha", "hex"}
            assert value["colorSpace"] == "srgb"
            assert "#" + "".join(f"{round(channel * 255):02x}" for channel in value["components"]) == value["hex"]
            count += 1
    assert count == 8 * 11 + 2 * len(theme.roles["light"])


def test_css_has_both_schemes_by_preference_and_by_attribute(theme: Theme) -> None:
    css = files.to_css(theme, "acme")
    light, dark = theme.roles["light"], theme.roles["dark"]
    assert css.count("{") == css.count("}") == 5
    assert css.count(f"--acme-background: {light['background']};") == 1
    assert css.count(f"--acme-background: {dark['background']};") == 2
    assert (
        css.index(':root,\n[data-theme="light"]') < css.index("prefers-color-scheme: dark") < css.index('[data-theme="dark"] {')
    )
    assert ":root:not([data-theme])" in css


def test_tailwind_refers_to_variables_that_exist(theme: Theme) -> None:
    defined = set(re.findall(r"(--acme-[\w-]+):", files.to_css(theme, "acme")))
    for made in (files.to_tailwind_4(theme, "acme"), files.to_tailwind_3(theme, "acme")):
        used = re.findall(r"var\((--acme-[\w-]+)\)", made)
        assert set(used) == defined
        assert made.count("{") == made.count("}")
    preset = files.to_tailwind_3(theme, "acme").partition("module.exports = ")[2].strip().rstrip(";")
    assert json.loads(preset)["theme"]["extend"]["colors"]["primary"]["DEFAULT"] == "var(--acme-primary)"
