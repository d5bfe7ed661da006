"""What is to be rendered: a source with its kind, its options, and the files that it refers to.

Reads files, and contacts nothing; what a file is that no name tells is in the daemon's list of renderers, which the caller
asks for. How it becomes the input of a job is `uploads`'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexusctl.errors import UsageError
from nexusctl.kinds import EXTENSIONS, TEXT, TEXT_TYPES, Kind, find_other_kind, known_types
from nexusd.contract.families import FAMILIES

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from nexusctl.client.references import References
    from nexusd.contract.status import Renderer

LANGUAGES_OF_FILES: Final = {"document": "markdown", "chart": "vega-lite", "video": "storyboard"}
"""Where neither name nor option tells the language: what files such a source may refer to."""
_UTF8_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Material:
    """What one job is made from. `input` holds all but the source and the files, which go by the paths that the source uses.

    A text is a source in itself; bytes, or those of a file, are an asset's. `content_type` is that of a text.
    """

    job_type: str
    input: Mapping[str, Any]
    source: str | bytes | Path | None = None
    name: str = "source"
    content_type: str = TEXT
    files: Mapping[str, Path | bytes] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    """What the source refers to and is not sent along, a line each."""


def path_or_content(what: str | bytes | os.PathLike[str] | None, forced: str | None) -> Path | str | bytes | None:
    """Return a file's path; a text or bytes are what is rendered itself. A str is a text when its type is forced.

    Raises UsageError when it may be both.
    """
    if what is None or isinstance(what, bytes):
        return what
    if forced is None or not isinstance(what, str):
        return Path(what)
    if "\n" not in what and _is_file(what):
        raise UsageError(f"{what} may be a file or a text", hint="write Path(…) for a file; a text of one line may end in \\n")
    return what


def choose_kind(renderers: Sequence[Renderer], file: str, forced: str | None, option: str = "type=") -> Kind:
    """Return the kind that the daemon's renderers give a file whose name says nothing by itself. Raises UsageError.

    `option` is how the caller says a type.
    """
    kind = find_other_kind(renderers, file, forced)
    if kind is not None:
        return kind
    if forced is not None:
        others = [one.job_type for one in renderers if one.job_type not in FAMILIES]
        more = f", and of the daemon {', '.join(others)}" if others else ""
        raise UsageError(f"render knows no type {forced}", hint=f"it knows {known_types()}{more}")
    known = sorted({*EXTENSIONS, *(extension for one in renderers for extension in one.extensions)})
    raise UsageError(
        f"cannot tell what {file[:200] or 'it'} is from its name",
        hint=f"name it with {option}, or use one of {' '.join(known)}",
    )


def read_material(
    source: Path | str | bytes | None,
    kind: Kind,
    result_format: str | None,
    options: Mapping[str, Any],
    files: Mapping[str, str | os.PathLike[str] | bytes],
) -> Material:
    """Return what is to be rendered: the file at a path, or a text or bytes. `options` are fields of the input.

    The local files that a source names go along when it is a file; `files` are more of them. Raises UsageError, OSError.
    """
    set_format = options.get("format")
    wanted = choose_format(kind, result_format or (set_format if isinstance(set_format, str) else None))
    job_input = {**kind.fields, **options, **({} if wanted is None else {"format": wanted})}
    given = {name: each if isinstance(each, bytes) else Path(each) for name, each in files.items()}
    if not isinstance(source, Path):
        content = source.encode() if isinstance(source, str) and kind.is_picture else source
        return Material(kind.job_type, job_input, content, content_type=kind.content_type, files=given)
    read = read_source(source, kind)
    found = find_files(kind.job_type, job_input, read, source.parent)
    skipped = tuple(line for line in found.skipped if line.partition(":")[0] not in given)
    return Material(kind.job_type, job_input, read, source.name, kind.content_type, {**found.files, **given}, skipped)


def read_source(path: Path, kind: Kind) -> str | bytes | Path:
    """Return the text of a file; what is no text as bytes, or where they are. Raises UsageError, OSError."""
    return path if kind.is_picture else decode_source(path.read_bytes(), kind, str(path))


def decode_source(content: bytes, kind: Kind, called: str) -> str | bytes:
    """Return the text that a source is, without a byte order mark; what is no text as it is.

    A source is a text where the kind is a built-in one that takes text, and must then be UTF-8. Raises UsageError.
    """
    if kind.is_picture:
        return content
    try:
        return content.decode("utf-8").removeprefix(_UTF8_BOM)
    except UnicodeDecodeError as error:
        if kind.job_type not in TEXT_TYPES:
            return content
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{called} is not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}",
            hint=f"convert it first, for example: iconv -f ISO-8859-1 -t UTF-8 {called}",
        ) from None


def find_files(job_type: str, job_input: Mapping[str, Any], source: object, folder: Path) -> References:
    """Return the local files that a source names. `folder` is what its paths are relative to."""
    from nexusctl.client.references import References, find_references

    if not isinstance(source, str):
        return References()
    return find_references(str(job_input.get("language") or LANGUAGES_OF_FILES.get(job_type, "")), source, folder)


def choose_format(kind: Kind, wanted: str | None, option: str = "format=") -> str | None:
    """Return the format of the result, the kind's default when none is wanted; None where there are none. Raises UsageError.

    Of a picture any is as likely as another: that must be named. `option` is how the caller says it.
    """
    if not kind.formats:
        if wanted is not None:
            raise UsageError(f"{kind.called} has no formats to choose from", hint="leave the format out")
        return None
    found = kind.default_format if wanted is None else kind.find_format(wanted)
    if found is None:
        shown = (wanted or "").lower().removeprefix(".")
        what = f"{kind.called} cannot be made as {shown}" if shown else "the result's format must be named"
        raise UsageError(what, hint=f"choose one of {', '.join(kind.formats)} with {option}")
    return found


def merge(fields: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with the given ones in their place; objects are merged."""
    merged = dict(fields)
    for key, value in given.items():
        before = merged.get(key)
        merged[key] = merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long, or with a NUL: no name of a file
        return False
