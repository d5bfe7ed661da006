"""What the languages of diagrams share: the look that a job asks for, and the files that come of it.

Also the engine of a job whose language nobody named: it reads the source, and hands the job to the language's own engine.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.drawing import Drawing, Style
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from nexusd.renderers.job import ChildJob

NAME: Final = "diagram"
DEFAULT_SCALE: Final = 2.0
ENGINES: Final = {language: f"nexusd.renderers.engines.{language}" for language in ("d2", "dot", "mermaid")}


def render(job: ChildJob) -> None:
    """Render the job's source in the language that its file name or its text tells."""
    language = find_language(job)
    importlib.import_module(ENGINES[language]).render(job)


def find_language(job: ChildJob) -> str:
    """Return the language of the job's source. Raises InvalidInput when it cannot be told."""
    from nexusd.renderers.engines.source import read_source
    from nexusd.renderers.languages import EXTENSIONS, infer_language

    source = job.input["source"]
    if isinstance(source, dict) and (language := EXTENSIONS.get(Path(str(source["path"])).suffix.lower())):
        return language
    found = infer_language(read_source(job, NAME))
    if found is None:
        raise InvalidInput(f"{NAME}: the language cannot be told from the text; name it: d2, dot or mermaid")
    return found


def read_style(job: ChildJob) -> Style:
    """Return how the job wants to be drawn."""
    return Style(theme=job.input.get("theme") or "light", background=job.input.get("background"), caps=job.caps)


def write_drawing(job: ChildJob, drawing: Drawing) -> None:
    """Write one picture in the format that was asked for."""
    if job.input["format"] == "svg":
        (job.out / f"{NAME}.svg").write_text(drawing.svg, "utf-8")
        return
    from xml.etree import ElementTree as ET

    write_trees(job, {NAME: ET.fromstring(drawing.svg)})


def write_trees(job: ChildJob, trees: dict[str, Element]) -> None:
    """Write pictures, by name, in the format that was asked for: files of their own, or the pages of one PDF."""
    if job.input["format"] == "svg":
        from nexusd.renderers.engines.svg import write_svg

        for name, tree in trees.items():
            write_svg(tree, job.out / f"{name}.svg")
        return
    from nexusd.renderers.engines.picture import Pages  # loads Typst

    pages = Pages(job.workdir / "pages", list(trees.values()))
    if job.input["format"] == "pdf":
        pages.write_pdf(job.out / f"{NAME}.pdf")
        return
    for number, name in enumerate(trees):
        scale = float(job.input.get("scale") or DEFAULT_SCALE)
        pages.write_png(number, job.out / f"{name}.png", scale=scale, pixels_max=job.caps.picture_max_pixels)
        job.progress(0.5 + 0.5 * (number + 1) / len(trees), "painted")
