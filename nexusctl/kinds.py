"""What can be rendered by name: which job type a file is for, what its name implies, and the formats that it can become.

Owns what follows from names and from the daemon's list of renderers, pure. What is said when a name tells nothing is
`client.material`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from nexusd.contract.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nexusd.contract.status import Renderer

LANGUAGES: Final = {
    fields["language"]: job_type
    for job_type, family in FAMILIES.items()
    for fields in family.extensions.values()
    if "language" in fields
}
EXTENSIONS: Final = {extension: job_type for job_type, family in FAMILIES.items() for extension in family.extensions}
ALIASES: Final = {".jpeg": ".jpg", ".tif": ".tiff", ".htm": ".html"}
"""Other names of what is made."""
TEXT_TYPES: Final = frozenset(job_type for job_type, family in FAMILIES.items() if not family.is_picture)
"""The built-in job types whose sources must be texts."""
TEXT: Final = "text/plain; charset=utf-8"
CONTENT_TYPES: Final = {"markdown": "text/markdown; charset=utf-8"}
"""Of sources that are texts."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a source is: a job type, and the fields of the input that its name implies.

    `extension` is the part of its name that tells it. `formats` are the values of the input's `format` with the extensions of
    what comes out, the default first; there are none where the input has no such field.
    """

    job_type: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    extension: str = ""
    is_picture: bool = False
    has_default: bool = True
    output: str = ""
    """The extension of the result where there are no formats and one only."""

    @property
    def language(self) -> str:
        """The language of the source, as far as its name tells it."""
        return str(self.fields.get("language", ""))

    @property
    def content_type(self) -> str:
        """The type of a source that is a text."""
        return CONTENT_TYPES.get(self.language, TEXT)

    @property
    def default_format(self) -> str | None:
        """The format that one would expect, where there is one."""
        return next(iter(self.formats), None) if self.has_default else None

    @property
    def called(self) -> str:
        """The job type with its article."""
        return f"{'an' if self.job_type[0] in 'aeiou' else 'a'} {self.job_type}"

    def find_format(self, extension: str) -> str | None:
        """Return the format of a result with this extension, or of this name; None when there is none."""
        wanted = extension.lower().removeprefix(".")
        known = ALIASES.get(f".{wanted}", f".{wanted}")
        return wanted if wanted in self.formats else next((name for name, made in self.formats.items() if made == known), None)


def find_kind(file: str, forced: str | None = None) -> Kind | None:
    """Return the kind of a file by what is built in, None when that does not tell it.

    `forced` is a job type (`document`), a language (`typst`), or both (`document/typst`).
    """
    if forced is None:
        extension = longest_extension(file, EXTENSIONS)
        return None if extension is None else _built_in(EXTENSIONS[extension], file, "")
    job_type, _, language = forced.partition("/")
    if not language and job_type in LANGUAGES:
        job_type, language = LANGUAGES[job_type], job_type
    if job_type not in FAMILIES or (language and LANGUAGES.get(language) != job_type):
        return None
    return _built_in(job_type, file, language)


def find_other_kind(renderers: Iterable[Renderer], file: str, forced: str | None = None) -> Kind | None:
    """Return the kind of a file by what a daemon says of its renderers. `forced` is a job type, or one and a language."""
    if forced is not None:
        job_type, _, language = forced.partition("/")
        found = next((one for one in renderers if one.job_type == job_type), None)
        if found is None:
            return None
        kind = kind_of(found, longest_extension(file, found.extensions) or "")
        return replace(kind, fields={"language": language}) if language else kind
    every = {extension: one for one in renderers for extension in one.extensions}
    extension = longest_extension(file, every)
    return None if extension is None else kind_of(every[extension], extension)


def kind_of(renderer: Renderer, extension: str = "") -> Kind:
    """Return the kind of another renderer's source: a field `format` of the schema names the formats."""
    field_ = renderer.input_schema.get("properties", {}).get("format", {})
    names = [str(name) for name in field_.get("enum", [field_["const"]] if "const" in field_ else [])]
    names.sort(key=lambda name: name != field_.get("default"))  # the default comes first, the others as they are
    formats = {name: ALIASES.get(f".{name}", f".{name}") for name in names}
    only = next(iter(renderer.outputs)) if len(renderer.outputs) == 1 else ""
    return Kind(renderer.job_type, renderer.extensions.get(extension, {}), formats, extension, output="" if formats else only)


def longest_extension(file: str, extensions: Iterable[str]) -> str | None:
    """Return the longest of the extensions that a file's name ends in; what is before it must be a name."""
    name = PurePath(file).name.lower()
    found = (extension for extension in extensions if name.endswith(extension) and name != extension)
    return max(found, key=len, default=None)


def known_types() -> str:
    """Return the job types that are built in and their languages, for people."""
    told = []
    for job_type in FAMILIES:
        languages = [language for language, owner in LANGUAGES.items() if owner == job_type]
        told.append(f"{job_type} ({', '.join(languages)})" if languages else job_type)
    return ", ".join(told)


def _built_in(job_type: str, file: str, language: str) -> Kind:
    family = FAMILIES[job_type]
    extension = longest_extension(file, family.extensions) or ""
    fields = {"language": language} if language else dict(family.extensions.get(extension, {}))
    return Kind(job_type, fields, family.formats, extension, family.is_picture, family.has_default)
