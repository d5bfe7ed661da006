"""Typst, shut in: no network, no packages, no file above the source folder, no date of today.

Owns the call and the translation of Typst's diagnostics into lines such as `document.typ:3:5: error: …`. What one means (the
user's mistake, or ours in generated code) is the caller's business.
"""

from __future__ import annotations

import functools
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typst

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Typst fetches a missing `@preview` package and cannot be told not to; its downloader obeys these, and nothing listens there.
NOWHERE: Final = "http://127.0.0.1:9"
PROXY_VARIABLES: Final = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy")
EXCEPTION_VARIABLES: Final = ("NO_PROXY", "no_proxy")
LINES_MAX: Final = 30
DIAGNOSTIC: Final = re.compile(r"(error|warning|help|hint): (.*)")
PLACE: Final = re.compile(r"\s*┌─ (\S.*?:\d+:\d+)$")
DOWNLOAD: Final = re.compile(r"failed to download package \((?:\S*/)?([^/]+?)\.tar\.gz.*", re.DOTALL)


class TypesetError(Exception):
    """Typst refused. The message has a line for each error, with its place."""


class Typesetting(NamedTuple):
    """What to compile: `main` below the folder `root`, with fonts from `fonts` and perhaps from the machine."""

    root: Path
    main: str
    fonts: Path | tuple[Path, ...]
    system_fonts: bool = False

    def compile(self, **options: Any) -> tuple[bytes, list[str]]:
        """Return the file, or the first of them, and the warnings. Raises TypesetError."""
        pages, warnings = self.compile_pages(**options)
        return pages[0], warnings

    def compile_pages(self, **options: Any) -> tuple[list[bytes], list[str]]:
        """Return the files (PNG and SVG give one for each page) and the warnings. Raises TypesetError."""
        packages = self.root / ".nexusd-packages"  # never made: no package is found
        with inside(self.root), unreachable():
            try:
                content, warnings = typst.compile_with_warnings(
                    input=self.main,
                    root=".",
                    font_paths=find_fonts(self.fonts if isinstance(self.fonts, tuple) else (self.fonts,), self.system_fonts),
                    ignore_system_fonts=not self.system_fonts,
                    package_path=str(packages),
                    package_cache_path=str(packages),
                    timestamp=0,
                    **options,
                )
            except typst.TypstError as error:
                raise TypesetError(self._tidy(error.diagnostic or error.message, error.hints)) from None
        pages = content if isinstance(content, list) else [content]
        return [bytes(page) for page in pages], [
            self._tidy(warning.diagnostic or warning.message, warning.hints) for warning in warnings
        ]

    def _tidy(self, diagnostic: str, hints: list[str]) -> str:
        lines = describe(diagnostic) or [f"{self.main}: error: {diagnostic.strip()}"]
        lines += [f"hint: {hint}" for hint in hints if not any(hint in line for line in lines)]
        if len(lines) > LINES_MAX:
            lines[LINES_MAX:] = [f"… and {len(lines) - LINES_MAX:,} more"]
        text = "\n".join(lines)
        for folder in {f"{self.root}/", f"{os.path.realpath(self.root)}/"}:
            text = text.replace(folder, "")
        return text


@functools.lru_cache(maxsize=4)
def find_fonts(folders: tuple[Path, ...], system_fonts: bool) -> typst.Fonts:
    """Return the fonts inside Typst, those of the folders, and perhaps those of the machine; looked for once."""
    return typst.Fonts(include_system_fonts=system_fonts, font_paths=[str(folder) for folder in folders])


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work inside a folder: Typst names places relative to the current one."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def unreachable() -> Iterator[None]:
    """Have every way to the network end at an address where nobody is, as long as this lasts."""
    before = {name: os.environ.pop(name, None) for name in (*PROXY_VARIABLES, *EXCEPTION_VARIABLES)}
    os.environ.update(dict.fromkeys(PROXY_VARIABLES, NOWHERE))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def describe(diagnostic: str) -> list[str]:
    """Return a line for each error and warning in Typst's drawing of them, without the drawing and the trace."""
    found: list[list[str]] = []  # kind, place, message
    for line in diagnostic.splitlines():
        start, place = DIAGNOSTIC.match(line), PLACE.match(line)
        if start:
            found.append([start[1], "", start[2]])
        elif found and place and not found[-1][1]:
            found[-1][1] = f"{place[1]}: "
        elif found and not found[-1][1] and line.strip():
            found[-1][2] += f" {line.strip()}"
    return [text for kind, place, message in found if (text := one_line(kind, place, message))]


def one_line(kind: str, place: str, message: str) -> str:
    """Return one diagnostic as a line; nothing for the lines of a trace."""
    message = DOWNLOAD.sub(r"packages are not available here: \1", message)
    if kind in ("help", "hint"):
        return "" if message.startswith("while ") else f"hint: {message}"
    return f"{place}{kind}: {message}"
