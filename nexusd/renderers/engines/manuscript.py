"""A Markdown text on its way to pages: converted, compiled, and once more without what turns out to be broken.

Owns what happens when Typst refuses generated code: a picture that it cannot decode and a formula that it cannot set are found
and shown as such, the rest of the document stays. Any other refusal is a defect of ours. Leaves out the page: the caller puts
the converted parts together (`compose`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.engines import fonts
from nexusd.renderers.engines.markdown import convert
from nexusd.renderers.engines.references import References
from nexusd.renderers.engines.typesetting import TypesetError, Typesetting
from nexusd.renderers.engines.typst_text import literal
from nexusd.renderers.job import RendererFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nexusd.renderers.engines.markdown import Converted

GENERATED_NAME: Final = ".nexusd-document.typ"


class Manuscript:
    """One Markdown text whose files lie in `folder`. `compose` returns the whole Typst code of what was converted."""

    def __init__(self, source: str, folder: Path, files: frozenset[str], compose: Callable[[Converted], str]) -> None:
        self._source = source
        self._folder = folder
        self._files = files
        self._compose = compose

    def typeset(self, *, system_fonts: bool = False, **options: Any) -> list[bytes]:
        """Return the file, or the files of the pages; `options` are Typst's. Raises InvalidInput, RendererFailed."""
        references = References(self._folder, self._files)
        main = self._compose(convert(self._source, references))
        try:
            return compile_generated(self._folder, main, system_fonts=system_fonts, **options)
        except TypesetError as error:
            broken = frozenset(path for path, kind in references.pictures.items() if is_broken(self._folder, path, kind))
            if not broken:
                raise defect(error) from None
        main = self._compose(convert(self._source, References(self._folder, self._files, broken)))
        try:
            return compile_generated(self._folder, main, system_fonts=system_fonts, **options)
        except TypesetError as error:
            raise defect(error) from None


def defect(error: TypesetError) -> RendererFailed:
    """Return the error that says that what was generated is wrong."""
    return RendererFailed(f"nexusd made Typst code from this Markdown that does not compile: {error}")


def compile_generated(folder: Path, main: str, *, system_fonts: bool = False, **options: Any) -> list[bytes]:
    """Compile generated Typst. Its warnings are ours, not the user's: they are not shown."""
    (folder / GENERATED_NAME).write_text(main, "utf-8", newline="")
    typesetting = Typesetting(root=folder, main=GENERATED_NAME, fonts=fonts.folders(), system_fonts=system_fonts)
    return typesetting.compile_pages(**{"format": "pdf", **options})[0]


def is_broken(folder: Path, path: str, kind: str) -> bool:
    """Whether Typst cannot decode a picture."""
    try:
        compile_generated(folder, f"#image({literal('/' + path)}, format: {literal(kind)})")
    except TypesetError:
        return True
    return False
