"""Vega-Lite and Vega specs to SVG, through vl-convert, with nothing fetched and no font but ours.

Owns the calls into vl-convert, the theme, the fonts in a spec and what an error means. Leaves out where the data comes from
(`vega_data`: a spec that comes here has all its data inside) and other formats than SVG (`chart`).

Invariants: times are in UTC; text is measured in the family that it is painted with, whatever fonts the machine has; a URL that
a spec makes up while it runs is refused too: data by `allowed_base_urls`, pictures when they are found in the SVG.
vl-convert runs V8: a process that has drawn must not fork.
"""

from __future__ import annotations

import json
import os
import re
from html import unescape
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from nexusd.renderers.engines import fonts, glyphs
from nexusd.renderers.engines.drawing import Drawing, Style
from nexusd.renderers.engines.spec_fonts import FAMILIES, use_our_fonts, with_default_fonts
from nexusd.renderers.engines.spec_json import NAMES, parse_spec
from nexusd.renderers.engines.spec_lint import check_vega, check_vega_lite
from nexusd.renderers.job import InvalidInput, RendererFailed

os.environ["TZ"] = "UTC"  # before V8 reads it

import vl_convert

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nexusd.renderers.chart_language import ChartLanguage

BASE_URL: Final = "https://vega.github.io/vega-datasets/"  # what vl-convert puts before a relative address
PLAIN_THEMES: Final = frozenset({"light", "default", "none"})
HEADLINE: Final = re.compile(r"^(?:Vega-Lite|Vega) to \w+ conversion failed:\s*")
STACK: Final = re.compile(r"\n\s+at .*", re.DOTALL)
REFUSED_URL: Final = re.compile(r"External data url not allowed: (\S+)")
UNEXPLAINED: Final = re.compile(r"(?:TypeError|ReferenceError|RangeError): ")
OUT_OF_MEMORY: Final = re.compile(r"out of memory|Array buffer allocation failed|Invalid (?:string|array) length")
SIZE: Final = re.compile(r'<svg[^>]*?\swidth="([\d.]+)"[^>]*?\sheight="([\d.]+)"')
FAMILY: Final = re.compile(r'\bfont-family="([^"]*)"')
IMAGE: Final = re.compile(r'(<image\b[^>]*?\bhref=")([^"]*)(")')
CANARY: Final = "nexusd-canary"
LAST_MARK: Final = {"name": CANARY, "type": "symbol", "encode": {"enter": {"size": {"value": 0}}}}
LAST_DRAWN: Final = re.compile(rf'<g class="mark-symbol role-mark {CANARY}"[^>]*>(<path[^>]*>)?</g>')
_registered: list[bool] = []


class Locale(NamedTuple):
    """How numbers and times are written, as d3 describes it; None is American English."""

    numbers: dict[str, Any] | None = None
    times: dict[str, Any] | None = None


def draw_vega_lite(source: str, folder: Path, style: Style) -> Drawing:
    """Draw a Vega-Lite spec that holds its data. Raises InvalidInput."""
    return _draw(source, "vega-lite", style)


def draw_vega(source: str, folder: Path, style: Style) -> Drawing:
    """Draw a Vega spec that holds its data. Raises InvalidInput."""
    return _draw(source, "vega", style)


def _draw(source: str, language: ChartLanguage, style: Style) -> Drawing:
    from nexusd.renderers.engines.vega_data import Inliner

    name = NAMES[language]
    spec = parse_spec(source, name)
    Inliner({}, name, language, style.caps).inline(spec)
    return draw_svg(compile_spec(spec, language, style), name)


def warm() -> None:
    """Draw something tiny, which starts V8 and loads Vega."""
    spec = {
        "data": {"values": [{"a": "A", "b": 1}]},
        "mark": "bar",
        "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}},
    }
    draw_svg(compile_spec(spec, "vega-lite", Style()), NAMES["vega-lite"])


def compile_spec(spec: dict[str, Any], language: ChartLanguage, style: Style) -> dict[str, Any]:
    """Return the Vega spec of a chart, in the theme and on the background of the style. Raises InvalidInput."""
    name = NAMES[language]
    themed = {**spec, "config": merged(theme_config(style.theme, name), mapping(spec.get("config"), f"{name}: config"))}
    if style.background is not None:
        themed["background"] = style.background
    if language == "vega":
        check_vega(spec, name)
        return themed
    check_vega_lite(spec, name)
    try:
        compiled: dict[str, Any] = vl_convert.vegalite_to_vega(json.dumps(themed), show_warnings=True)
    except ValueError as error:
        refuse(error, name)
    return compiled


def draw_svg(
    vega: dict[str, Any], name: str, pictures: Mapping[str, str] | None = None, locale: Locale | None = None
) -> Drawing:
    """Return what a Vega spec shows. `pictures` are data URIs by the relative addresses the spec uses.

    Raises InvalidInput, also for a picture that is somewhere else.
    """
    from nexusd.renderers.engines.svg_safety import make_safe

    register_fonts()
    spec = use_our_fonts(with_default_fonts(vega), name)
    spec["marks"] = [*(spec.get("marks") or []), LAST_MARK]
    try:
        svg = vl_convert.vega_to_svg(
            json.dumps(spec),
            allowed_base_urls=[],
            format_locale=locale and locale.numbers,
            time_format_locale=locale and locale.times,
        )
    except ValueError as error:
        refuse(error, name)
    svg = without_last_mark(svg, name)
    svg = FAMILY.sub(lambda found: found[0] if found[1] in FAMILIES else f'font-family="{FAMILIES[0]}"', svg)
    svg = make_safe(place_pictures(svg, pictures or {}, name), name=name)
    size = SIZE.search(svg)
    if size is None:
        raise RendererFailed("vl-convert drew an SVG without a size")
    return Drawing(svg, float(size[1]), float(size[2]))


def without_last_mark(svg: str, name: str) -> str:
    """Return the SVG without the mark that was added behind all others.

    An error while a spec runs is only logged by Vega, which then draws what it has. The last mark is missing in that case.
    Raises InvalidInput.
    """
    found = LAST_DRAWN.search(svg)
    if found is None or found[1] is None:
        raise InvalidInput(f"{name}: Vega stopped at an error while it drew this chart; what it says of it stands above")
    return svg[: found.start()] + svg[found.end() :]


def place_pictures(svg: str, pictures: Mapping[str, str], name: str) -> str:
    """Put the given pictures in place of their addresses. Raises InvalidInput for any that is not given."""

    def place(found: re.Match[str]) -> str:
        address = unescape(found[2])
        if address.startswith("data:"):
            return found[0]
        relative = address.removeprefix(BASE_URL)
        if relative not in pictures:
            raise InvalidInput(f"{name}: the picture {relative[:200]} is not among the files of this chart, nothing is fetched")
        return found[1] + pictures[relative] + found[3]

    return IMAGE.sub(place, svg)


def theme_config(theme: str, name: str) -> dict[str, Any]:
    """Return the configuration of a theme by its name. Raises InvalidInput that names those there are."""
    if theme in PLAIN_THEMES:
        return {}
    themes: Mapping[Any, dict[str, Any]] = vl_convert.get_themes()
    if theme not in themes:
        raise InvalidInput(f"{name}: there is no theme {theme!r}; there are light, {', '.join(sorted(themes))}")
    return dict(themes[theme])


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return two configurations as one, in which what is `above` counts more."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def mapping(value: Any, place: str) -> dict[str, Any]:
    """Return a value that must be an object, or be missing. Raises InvalidInput."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(f"{place} must be an object")
    return value


def register_fonts() -> None:
    """Let vl-convert measure text with our fonts, and only what they lack with those of the machine.

    It takes the first font that has a character, in the order in which it has read them, once in a process; a configuration of
    fontconfig's says that order. Registering ours behind the machine's would make the size of a chart hang on the machine.
    """
    if _registered:
        return
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as name:
        folders = []
        for number, file in enumerate(fonts.files()):  # a folder each: within one, the order is the file system's
            folders.append(Path(name, str(number)))
            folders[-1].mkdir()
            folders[-1].joinpath(file.name).symlink_to(file)
        listed = "".join(f"<dir>{folder}</dir>" for folder in (*folders, *glyphs.FOLDERS))
        config = Path(name, "fonts.conf")
        config.write_text(f"<fontconfig>{listed}</fontconfig>", "utf-8")
        before = os.environ.get("FONTCONFIG_FILE")
        os.environ["FONTCONFIG_FILE"] = str(config)
        try:
            vl_convert.register_font_directory(name)  # which reads all the others first; we have nothing to add
        finally:
            os.environ.pop("FONTCONFIG_FILE")
            if before is not None:
                os.environ["FONTCONFIG_FILE"] = before
    _registered.append(True)


def refuse(error: ValueError, name: str) -> NoReturn:
    """Raise the InvalidInput that vl-convert's message means, without what only the makers of Vega need."""
    said = STACK.sub("", HEADLINE.sub("", str(error))).strip()
    if OUT_OF_MEMORY.search(said):
        raise MemoryError
    if url := REFUSED_URL.search(said):
        raise InvalidInput(
            f"{name}: {url[1].removeprefix(BASE_URL)[:200]} is not among the files of this chart, nothing is fetched"
        )
    if "reading 'href'" in said:
        raise InvalidInput(f"{name}: a link leads to what is no web address; links may lead to http, https and mailto")
    what = UNEXPLAINED.sub("", said)
    if what != said:
        what = f"the spec is wrong in a way that Vega does not explain ({what})"
    raise InvalidInput(f"{name}: {shortened(what.removeprefix('Error: '))}") from None


def shortened(text: str, length: int = 600) -> str:
    """Return a message that may quote a whole spec, cut in its middle."""
    half = length // 2
    return text if len(text) <= length else f"{text[:half]} … {text[-half:]}"
