"""Markdown or Typst to PDF.

Owns the source folder (the document and the files it refers to, nothing else), the choice of fonts, and what an error means:
in a Typst source it is the user's, in Typst made from Markdown it is ours. A picture that Typst cannot decode costs a Markdown
document that picture only.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from nexusd.renderers.engines.coverage import foreign_characters
from nexusd.renderers.engines.source import asset_file, read_source
from nexusd.renderers.engines.typesetting import TypesetError, Typesetting
from nexusd.renderers.job import InvalidInput, RendererFailed

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.job import ChildJob

TYPST_NAME: Final = "document.typ"
MARKDOWN_NAME: Final = "document.md"
GENERATED_NAME: Final = ".nexusd-document.typ"
PDF_NAME: Final = "document.pdf"
SHOWN_FOREIGN_MAX: Final = 40


def render(job: ChildJob) -> None:
    """Render the job's document into `out/document.pdf`."""
    typst_source = job.input["language"] == "typst"
    source = read_source(job, TYPST_NAME if typst_source else MARKDOWN_NAME)
    folder = job.workdir / "source"
    files = place_files(job, folder)
    job.progress(0.1, "read")
    content = render_typst(folder, source) if typst_source else render_markdown(job, folder, source, files)
    (job.out / PDF_NAME).write_bytes(content)
    job.progress(1.0, "written")


def render_typst(folder: Path, source: str) -> bytes:
    """Compile a Typst source as it is. Raises InvalidInput with Typst's own messages.

    The fonts of the machine are read when the source sets a font or needs glyphs that Typst's own fonts lack.
    """
    (folder / TYPST_NAME).write_text(source, "utf-8", newline="")
    system_fonts = "font" in source or bool(foreign_characters(source))
    try:
        content, warnings = Typesetting(root=folder, main=TYPST_NAME, fonts=folder, system_fonts=system_fonts).compile(
            format="pdf"
        )
    except TypesetError as error:
        raise InvalidInput(str(error)) from None
    for warning in warnings:
        sys.stderr.write(warning + "\n")
    return content


def render_markdown(job: ChildJob, folder: Path, source: str, files: frozenset[str]) -> bytes:
    """Convert and compile a Markdown source; once more without the pictures that turn out to be broken."""
    # Imported here: a Typst source needs none of it.
    from nexusd.renderers.engines.inline_builder import MARKS
    from nexusd.renderers.engines.markdown import to_typst
    from nexusd.renderers.engines.references import References

    foreign = "".join(character for character in foreign_characters(source) if character not in MARKS)
    if foreign:
        sys.stderr.write(f"{MARKDOWN_NAME}: drawn with this machine's fonts, if it has any: {foreign[:SHOWN_FOREIGN_MAX]}\n")
    references = References(folder, files)
    main = to_typst(source, references)
    job.progress(0.4, "converted")
    try:
        return compile_generated(folder, main, system_fonts=bool(foreign))
    except TypesetError as error:
        broken = frozenset(path for path, kind in references.pictures.items() if is_broken(folder, path, kind))
        if not broken:
            raise RendererFailed(f"nexusd made Typst code from this Markdown that does not compile: {error}") from None
    try:
        return compile_generated(folder, to_typst(source, References(folder, files, broken)), system_fonts=bool(foreign))
    except TypesetError as error:
        raise RendererFailed(f"nexusd made Typst code from this Markdown that does not compile: {error}") from None


def compile_generated(folder: Path, main: str, *, system_fonts: bool) -> bytes:
    """Compile generated Typst. Its warnings are ours, not the user's: they are not shown."""
    (folder / GENERATED_NAME).write_text(main, "utf-8", newline="")
    return Typesetting(root=folder, main=GENERATED_NAME, fonts=folder / ".nexusd-fonts", system_fonts=system_fonts).compile(
        format="pdf"
    )[0]


def is_broken(folder: Path, path: str, kind: str) -> bool:
    """Whether Typst cannot decode a picture."""
    from nexusd.renderers.engines.typst_text import literal

    try:
        compile_generated(folder, f"#image({literal('/' + path)}, format: {literal(kind)})", system_fonts=False)
    except TypesetError:
        return True
    return False


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
