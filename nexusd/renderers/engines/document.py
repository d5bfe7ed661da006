"""Markdown or Typst to PDF, or to a picture of each page.

Owns the source folder (the document and the files it refers to, nothing else), the choice of fonts, and what an error means:
in a Typst source it is the user's, in Typst made from Markdown it is ours (see `manuscript`).

Results: `document.pdf`; as PNG and SVG one file a page, `document-001.png` and so on (see `pages`), an SVG safe to look at.
The same input gives the same bytes, unless it needs a font of the machine: a PDF carries no date, its id is of its content.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.document_language import language_of_name, language_of_text
from nexusd.renderers.engines import pages
from nexusd.renderers.engines.coverage import foreign_characters
from nexusd.renderers.engines.source import asset_file, read_source
from nexusd.renderers.engines.typesetting import TypesetError, Typesetting
from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nexusd.renderers.engines.figures import Figures
    from nexusd.renderers.job import ChildJob

    Typeset = Callable[..., list[bytes]]

TYPST_NAME: Final = "document.typ"
MARKDOWN_NAME: Final = "document.md"
PDF_NAME: Final = "document.pdf"
PPI: Final = 144.0
WARM_CODE: Final = {
    "python": 'def f(a: int) -> str:\n    """A."""\n    return f"{a}" + "b"  # c',
    "bash": "a=1 && echo \"$a\" --b 'c' | d # e",
    "json": '{"a": [1, true, null, "b"]}',
}
WARM_SOURCE: Final = "# A *b*\n\n| a |\n|---|\n| $\\frac{x}{y}$ |\n\n- `c`[^1]\n\n[^1]: **d**\n\n" + "".join(
    f"```{language}\n{code}\n```\n\n" for language, code in WARM_CODE.items()
)
SHOWN_FOREIGN_MAX: Final = 40


def warm() -> None:
    """Convert and compile a tiny document, so that Typst has read its fonts and grammars before there is a job."""
    import tempfile
    from pathlib import Path

    from nexusd.renderers.engines.manuscript import Manuscript, Text
    from nexusd.renderers.engines.report import compose

    with tempfile.TemporaryDirectory() as folder:
        text = Text(WARM_SOURCE, Path(folder), frozenset())
        Manuscript(text, lambda converted: compose(converted, {})).typeset(format="pdf")


def render(job: ChildJob) -> None:
    """Render the job's document into `out/`."""
    language, source = read(job)
    folder = job.workdir / "source"
    files = place_files(job, folder)
    job.progress(0.05, "read")
    typeset = typst_document(folder, source) if language == "typst" else markdown_document(job, folder, source, files)
    if job.input["format"] == "pdf":
        write_pdf(job, typeset)
    else:
        write_pages(job, typeset)
    job.progress(1.0, "written")


def read(job: ChildJob) -> tuple[str, str]:
    """Return the language and the text of the source."""
    reference = job.input["source"]
    language = job.input["language"] or (None if isinstance(reference, str) else language_of_name(reference["path"]))
    source = read_source(job, {"typst": TYPST_NAME, "markdown": MARKDOWN_NAME}.get(language or "", "document"))
    return language or language_of_text(source), source


def write_pdf(job: ChildJob, typeset: Typeset) -> None:
    """Write the document as one file."""
    standard = job.input["pdfStandard"]
    (content,) = typeset(format="pdf", **({"pdf_standards": standard} if standard else {}))
    pages.check_count(pages.count(content), job.caps)
    (job.out / PDF_NAME).write_bytes(content)


def write_pages(job: ChildJob, typeset: Typeset) -> None:
    """Write each page that is wanted into a file of its own."""
    form, ppi = job.input["format"], job.input["ppi"] or PPI
    svgs = typeset(format="svg")
    pages.check_count(len(svgs), job.caps)
    chosen = pages.choose(svgs, job.input["pages"])
    job.progress(0.6, f"{len(svgs):,} pages")
    painted = None
    if form == "png":
        pages.check_pixels(chosen, ppi, job.caps)
        # All at once Typst is several times faster.
        painted = typeset(format="png", ppi=ppi) if len(chosen) == len(svgs) else None
    for done, page in enumerate(chosen, start=1):
        content = safe(page.svg) if form == "svg" else painted[page.number - 1] if painted else pages.paint(page, ppi)
        (job.out / pages.name(page.number, len(svgs), form)).write_bytes(content)
        job.progress(0.6 + 0.4 * done / len(chosen), f"page {done} of {len(chosen)}")


def safe(svg: bytes) -> bytes:
    """Return the SVG of a page without what a Typst source may have put there: links that run code, pictures with scripts."""
    from nexusd.renderers.engines.svg_safety import make_safe

    return make_safe(svg.decode(), name="document.svg").encode()


def typst_document(folder: Path, source: str) -> Typeset:
    """Return what compiles a Typst source as it is. It raises InvalidInput with Typst's own messages.

    The fonts of the machine are read when the source sets a font or needs glyphs that Typst's own fonts lack.
    """
    (folder / TYPST_NAME).write_text(source, "utf-8", newline="")
    system_fonts = "font" in source or bool(foreign_characters(source))
    typesetting = Typesetting(root=folder, main=TYPST_NAME, fonts=folder, system_fonts=system_fonts)
    told: set[str] = set()

    def typeset(**options: Any) -> list[bytes]:
        try:
            content, warnings = typesetting.compile_pages(**options)
        except TypesetError as error:
            raise InvalidInput(str(error)) from None
        for warning in warnings:
            if warning not in told:
                told.add(warning)
                sys.stderr.write(warning + "\n")
        return content

    return typeset


def markdown_document(job: ChildJob, folder: Path, source: str, files: frozenset[str]) -> Typeset:
    """Return what converts and compiles a Markdown source."""
    # Imported here: a Typst source needs none of it.
    from nexusd.renderers.engines.inline_builder import MARKS
    from nexusd.renderers.engines.manuscript import Manuscript, Text
    from nexusd.renderers.engines.report import compose

    foreign = "".join(character for character in foreign_characters(source) if character not in MARKS)
    if foreign:
        sys.stderr.write(f"{MARKDOWN_NAME}: drawn with this machine's fonts, if it has any: {foreign[:SHOWN_FOREIGN_MAX]}\n")
    text = Text(source, folder, files, figures_of(job, folder), bool(foreign))
    manuscript = Manuscript(text, lambda converted: compose(converted, job.input))
    job.progress(0.4, "converted")
    return manuscript.typeset


def figures_of(job: ChildJob, folder: Path) -> Figures | None:
    """Return what draws the fences, unless they are to be shown as code."""
    if job.input["embed"] is False:
        return None
    from nexusd.renderers.engines.figures import Figures

    # How many there will be, nobody knows yet.
    return Figures(
        folder, job.input["theme"], job.caps, lambda count: job.progress(0.4 - 0.35 / (count + 1), f"drawing {count} drawn")
    )


def place_files(job: ChildJob, folder: Path) -> frozenset[str]:
    """Put the job's files where the source expects them; return their paths.

    Hard links to the real files where possible: Typst, which follows symbolic links, finds none.
    """
    folder.mkdir()
    references = job.input.get("files", {})
    for path, reference in references.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        place_file(os.path.realpath(asset_file(job, reference)), target)
    return frozenset(references)


def place_file(source: str, target: Path) -> None:
    """Link a file to another place, or copy it where links cannot be made, as between two mounts of a sandbox."""
    try:
        os.link(source, target)
    except OSError:
        import shutil

        shutil.copyfile(source, target)
