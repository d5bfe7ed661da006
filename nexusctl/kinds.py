"""What can be rendered by name: which job type and language a file is, and the formats that it can become.

Owns the tables, pure. What is said to whom when a name tells nothing is `commands.source`'s and `client.rendering`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

FORMATS: Final = {"diagram": ("svg", "png", "pdf"), "document": ("pdf",)}  # the first is the default
LANGUAGES: Final = {"diagram": ("d2",), "document": ("markdown", "typst")}  # the first is the default
EXTENSIONS: Final = {
    ".d2": ("diagram", "d2"),
    ".md": ("document", "markdown"),
    ".markdown": ("document", "markdown"),
    ".typ": ("document", "typst"),
}
CONTENT_TYPES: Final = {
    "d2": "text/plain; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
    "typst": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a source is: a job type and one of its languages."""

    job_type: str
    language: str


def find_kind(file: str, forced: str | None = None) -> Kind | None:
    """Return the kind of a file, None when that cannot be told.

    `forced` is a job type (`document`), a language (`typst`), or both (`document/typst`).
    """
    by_name = EXTENSIONS.get(PurePath(file).suffix.lower())
    if forced is None:
        return None if by_name is None else Kind(*by_name)
    job_type, _, language = forced.partition("/")
    if not language and job_type not in LANGUAGES:
        language = job_type
        job_type = next((name for name, languages in LANGUAGES.items() if language in languages), "")
    languages = LANGUAGES.get(job_type, ())
    if not language and languages:
        language = by_name[1] if by_name is not None and by_name[0] == job_type else languages[0]
    return Kind(job_type, language) if language in languages else None


def known_types() -> str:
    """Return the job types and their languages, for people."""
    return ", ".join(f"{name} ({', '.join(languages)})" for name, languages in LANGUAGES.items())
