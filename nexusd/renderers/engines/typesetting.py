"""Typst, shut in: no network, no packages, no file above the source folder, no date of today.

Owns the call and the translation of Typst's diagnostics into lines such as `document.typ:3:5: error: …`. What one means (the
user's mistake, or ours in generated code) is the caller's business.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import typst

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Typst fetches a missing `@preview` package and cannot be told not to; its downloader obeys these, and nothing listens there.
NOWHERE: Final = "http://127.0.0.1:9"
PROXY_VARIABLES: Final = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy")
DIAGNOSTIC: Final = re.compile(
    r"^(error|warning|help|hint): (.*(?:\n(?!\s*┌─|error:|warning:|help:|hint:|\s*$).*)*)", re.MULTILINE
)
PLACE: Final = re.compile(r"\A\s*┌─ (\S.*?:\d+:\d+)$", re.MULTILINE)
DOWNLOAD: Final = re.compile(r"failed to download package \((?:\S*/)?([^/]+?)\.tar\.gz.*", re.DOTALL)


class TypesetError(Exception):
    """Typst refused. The message has a line for each error, with its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typesetting:
    """What to compile: `main` below the folder `root`, with fonts from `fonts` and perhaps from the machine."""

    root: Path
    main: str
    fonts: Path
    system_fonts: bool = False

    def compile(self, **options: Any) -> tuple[bytes, list[str]]:
        """Return the file and the warnings. Raises TypesetError."""
        packages = self.root / ".packages"  # never made: no package is found
        for variable in PROXY_VARIABLES:
            os.environ[variable] = NOWHERE
        os.environ.pop("NO_PROXY", None)
        os.environ.pop("no_proxy", None)
        with inside(self.root):
            try:
                content, warnings = typst.compile_with_warnings(
                    input=self.main,
                    root=".",
                    font_paths=[str(self.fonts)],
                    ignore_system_fonts=not self.system_fonts,
                    package_path=str(packages),
                    package_cache_path=str(packages),
                    timestamp=0,
                    **options,
                )
            except typst.TypstError as error:
                raise TypesetError(self._tidy(error.diagnostic or error.message, error.hints)) from None
        return bytes(content), [self._tidy(warning.diagnostic or warning.message, warning.hints) for warning in warnings]

    def _tidy(self, diagnostic: str, hints: list[str]) -> str:
        lines = describe(diagnostic) or [f"{self.main}: error: {diagnostic.strip()}"]
        lines += [f"hint: {hint}" for hint in hints if not any(hint in line for line in lines)]
        text = "\n".join(lines)
        for folder in {f"{self.root}/", f"{os.path.realpath(self.root)}/"}:
            text = text.replace(folder, "")
        return text


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work inside a folder: Typst names places relative to the current one."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def describe(diagnostic: str) -> list[str]:
    """Return a line for each error and warning in Typst's drawing of them, without the drawing and the trace."""
    lines = []
    for found in DIAGNOSTIC.finditer(diagnostic):
        kind, message = found[1], " ".join(found[2].split())
        place = PLACE.match(diagnostic, found.end())
        message = DOWNLOAD.sub(r"packages are not available here: \1", message)
        if kind in ("error", "warning"):
            lines.append(f"{place[1]}: {kind}: {message}" if place else f"{kind}: {message}")
        elif not message.startswith("while "):
            lines.append(f"hint: {message}")
    return lines
