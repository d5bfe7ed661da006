"""A chart job: its spec and its files to SVG, PNG, PDF or HTML.

Owns the input as the child sees it and the choice of who writes the format. The drawing is `vega`'s; PNG and PDF are made of
that same SVG with the fonts it was measured with, HTML is `chart_page`'s.

Results: `chart.svg`, `chart.png`, `chart.pdf` or `chart.html`; the same bytes for the same input, unless the spec asks for
chance or the time (`random()`, `sample`, `now()`: vl-convert takes neither a seed nor a clock) or needs a font of the machine.
"""

from __future__ import annotations

import base64
import sys
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines import vega
from nexusd.renderers.engines.drawing import Drawing, Style
from nexusd.renderers.engines.font_coverage import uncovered
from nexusd.renderers.engines.source import asset_file, read_source
from nexusd.renderers.engines.spec_json import DEFAULT_NAME, NAMES, check_depth, find_language, parse_spec
from nexusd.renderers.engines.tables import Table
from nexusd.renderers.engines.vega_data import Inliner
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from nexusd.renderers.chart_language import ChartLanguage
    from nexusd.renderers.job import ChildJob

PIXELS_PER_INCH: Final = 96
PICTURES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
SHOWN_MAX: Final = 40
warm = vega.warm


def render(job: ChildJob) -> None:
    """Render the job's chart into `out/`."""
    spec, language = read_spec(job)
    name = NAMES[language]
    Inliner(tables(job), name, language, job.caps).inline(spec)
    job.progress(0.2, "data read")
    style = Style(job.input["theme"], job.input["background"], job.caps)
    compiled = vega.compile_spec(spec, language, style)
    # Drawn for HTML too: what is wrong is found here, and not by whoever opens the page.
    given, locale = pictures(job), find_locale(job.input["locale"], name)
    drawing = vega.draw_svg(compiled, name, given, locale)
    job.progress(0.7, "drawn")
    if job.input["format"] == "html":
        from nexusd.renderers.engines.chart_page import to_html

        (job.out / "chart.html").write_text(to_html(compiled, given, locale), "utf-8")
    else:
        write(job, drawing)


def write(job: ChildJob, drawing: Drawing) -> None:
    """Write the picture in the format that was asked for."""
    target = job.out / f"chart.{job.input['format']}"
    match job.input["format"]:
        case "svg":
            content = drawing.svg.encode()
        case "png":
            content = paint(job, drawing)
        case _:
            from nexusd.renderers.engines.chart_paper import to_pdf

            content = to_pdf(job.workdir / "page", drawing, system_fonts=bool(uncovered(drawing.svg)))
    target.write_bytes(content)


def paint(job: ChildJob, drawing: Drawing) -> bytes:
    """Return the PNG, with its density when one was asked for. What our fonts lack is painted with those of the machine."""
    ppi = job.input["ppi"]
    scale = ppi / PIXELS_PER_INCH if ppi else job.input["scale"]
    width, height = drawing.width * scale, drawing.height * scale
    if width * height > job.caps.picture_max_pixels:
        limit = f"{job.caps.picture_max_pixels:,} can be painted (caps.picture_max_pixels)"
        raise InvalidInput(f"the PNG would have {width:.0f} x {height:.0f} pixels; at most {limit}, use a smaller scale or svg")
    if foreign := uncovered(drawing.svg):
        sys.stderr.write(f"drawn with this machine's fonts, if it has any: {foreign[:SHOWN_MAX]}\n")
        import vl_convert

        content = vl_convert.svg_to_png(drawing.svg, scale=scale)
    else:
        from nexusd.renderers.engines.painting import paint_png

        content = paint_png(drawing, scale=scale, pixels_max=job.caps.picture_max_pixels)
    return with_density(content, ppi) if ppi else content


def with_density(png: bytes, ppi: float) -> bytes:
    """Return a PNG that says how many of its pixels make an inch. Source: PNG, third edition, 11.3.4.3 pHYs."""
    import struct
    import zlib

    metre = round(ppi / 0.0254)
    chunk = b"pHYs" + struct.pack(">IIB", metre, metre, 1)
    end = 8 + 25  # the signature, and the header that comes first
    return png[:end] + struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[end:]


def read_spec(job: ChildJob) -> tuple[dict[str, Any], ChartLanguage]:
    """Return the spec and its language. Raises InvalidInput."""
    source, named = job.input["source"], job.input["language"]
    if isinstance(source, dict) and "$asset" not in source:
        check_depth(source, DEFAULT_NAME)
        return source, find_language(source, named)
    filename = source["path"] if isinstance(source, dict) else ""
    name = NAMES[named] if named else DEFAULT_NAME
    spec = parse_spec(read_source(job, name), name)
    return spec, find_language(spec, named, filename)


def tables(job: ChildJob) -> dict[str, Table]:
    """Return the files of the job, each of which may be data."""
    return {
        path: Table(path, str(reference["path"]), asset_file(job, reference)) for path, reference in job.input["files"].items()
    }


def pictures(job: ChildJob) -> dict[str, str]:
    """Return those files that are pictures by their name, as data URIs."""
    found: dict[str, str] = {}
    for path, reference in job.input["files"].items():
        kind = next((kind for ending, kind in PICTURES.items() if path.casefold().endswith(ending)), None)
        if kind is None:
            continue
        file = asset_file(job, reference)
        if file.stat().st_size > job.caps.source_max_bytes:
            raise InvalidInput(f"{path}: the picture has more than {job.caps.source_max_bytes:,} bytes (caps.source_max_bytes)")
        found[path] = f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
    return found


def find_locale(name: str | None, chart: str) -> vega.Locale | None:
    """Return how a locale writes numbers and times; what it lacks stays American. Raises InvalidInput when it is unknown."""
    import vl_convert

    if name is None:
        return None
    found: list[dict[str, Any] | None] = []
    for find in (vl_convert.get_format_locale, vl_convert.get_time_format_locale):
        try:
            found.append(dict(find(name)))  # type: ignore[arg-type]
        except ValueError:
            found.append(None)
    if found == [None, None]:
        raise InvalidInput(f"{chart}: there is no locale {name!r}; there are de-DE, en-GB, fr-FR, ja-JP, pt-BR and others")
    return vega.Locale(*found)
