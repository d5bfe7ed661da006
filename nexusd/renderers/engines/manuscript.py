"""A Markdown text on its way to pages: converted, compiled, and once more without what turns out to be broken.

Owns what happens when Typst refuses generated code: a picture that it cannot decode and a formula that it cannot set are found
and shown as such, the rest of the document stays. A demand of a PDF standard that the document does not meet is the user's. Any
other refusal is a defect of ours. Leaves out the page: the caller puts the converted parts together (`compose`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nexusd.renderers.engines import fonts
from nexusd.renderers.engines.formulas import Formulas, find_refused
from nexusd.renderers.engines.markdown import convert
from nexusd.renderers.engines.references import References
from nexusd.renderers.engines.typesetting import TypesetError, Typesetting
from nexusd.renderers.engines.typst_text import literal
from nexusd.renderers.job import InvalidInput, RendererFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nexusd.renderers.engines.figures import Figures
    from nexusd.renderers.engines.markdown import Converted

GENERATED_NAME: Final = ".nexusd-document.typ"
STANDARD: Final = re.compile(r"(?:^|error: )((PDF\S*|Tagged PDF) error: .*)", re.MULTILINE)


class Text(NamedTuple):
    """A Markdown text, the folder with its files, their paths, and what draws its fences, if anything does."""

    markdown: str
    folder: Path
    files: frozenset[str]
    figures: Figures | None = None
    system_fonts: bool = False


class Manuscript:
    """One text to be typeset, perhaps in several forms. `compose` returns the whole Typst code of what was converted."""

    def __init__(self, text: Text, compose: Callable[[Converted], str]) -> None:
        self._text = text
        self._compose = compose
        self._references = References(text.folder, text.files)
        self._formulas = Formulas()
        self._main = self._convert()
        self._mended = False

    def typeset(self, **options: Any) -> list[bytes]:
        """Return the file, or the files of the pages; `options` are Typst's. Raises InvalidInput, RendererFailed."""
        try:
            return self._compile(self._main, **options)
        except TypesetError as error:
            unmet = STANDARD.search(str(error))
            if unmet:
                raise InvalidInput(f"document.md: {unmet[1]}") from None
            if self._mended or not self._mend():
                raise RendererFailed(f"nexusd made Typst code from this Markdown that does not compile: {error}") from None
        return self.typeset(**options)

    def _convert(self) -> str:
        return self._compose(convert(self._text.markdown, self._references, self._formulas, self._text.figures))

    def _compile(self, main: str, **options: Any) -> list[bytes]:
        return compile_generated(self._text.folder, main, system_fonts=self._text.system_fonts, **options)

    def _mend(self) -> bool:
        """Convert once more without what Typst refuses; return whether there was anything of that kind."""
        self._mended = True
        pictures = self._references.pictures.items()
        broken = frozenset(path for path, kind in pictures if self._refusal(image(path, kind)) is not None)
        refused = find_refused(self._formulas.found, self._refusal)
        if not broken and not refused:
            return False
        self._references = References(self._text.folder, self._text.files, broken)
        self._formulas = Formulas(refused)
        self._main = self._convert()
        return True

    def _refusal(self, main: str) -> str | None:
        try:
            self._compile(main)
        except TypesetError as error:
            return str(error)
        return None


def compile_generated(folder: Path, main: str, *, system_fonts: bool = False, **options: Any) -> list[bytes]:
    """Compile generated Typst. Its warnings are ours, not the user's: they are not shown."""
    (folder / GENERATED_NAME).write_text(main, "utf-8", newline="")
    typesetting = Typesetting(root=folder, main=GENERATED_NAME, fonts=fonts.folders(), system_fonts=system_fonts)
    return typesetting.compile_pages(**{"format": "pdf", **options})[0]


def image(path: str, kind: str) -> str:
    """Return a document that is one picture."""
    return f"#image({literal('/' + path)}, format: {literal(kind)})"
