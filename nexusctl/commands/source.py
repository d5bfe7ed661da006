"""What `render` is asked to render: the file, its kind, the format, and where the result goes.

Owns what is said when a name tells nothing, and the reading of the source. Contacts nothing: every refusal here is a UsageError
(exit 2). The names themselves are `kinds`'.

The result's default place is beside the source with the format's extension, as d2 and typst do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusctl.errors import UsageError
from nexusctl.kinds import EXTENSIONS, Kind, find_other_kind, known_types
from nexusctl.output.files import STDOUT, Target
from nexusd.contract.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexusd.contract.status import Renderer

STDIN: Final = "-"
TEXT_TYPES: Final = frozenset(job_type for job_type, family in FAMILIES.items() if not family.is_picture)
_UTF8_BOM: Final = "\ufeff"


def choose_kind(renderers: Sequence[Renderer], file: str | None, forced: str | None) -> Kind:
    """Return the kind that the daemon's renderers give a file whose name says nothing by itself. Raises UsageError."""
    kind = find_other_kind(renderers, file or "", forced)
    if kind is not None:
        return kind
    if forced is not None:
        others = [one.job_type for one in renderers if one.job_type not in FAMILIES]
        more = f", and of the daemon {', '.join(others)}" if others else ""
        raise UsageError(f"render knows no type {forced}", hint=f"it knows {known_types()}{more}")
    known = sorted({*EXTENSIONS, *(extension for one in renderers for extension in one.extensions)})
    raise UsageError(
        f"cannot tell what {file} is from its name", hint=f"name it with --type JOB_TYPE, or use one of {' '.join(known)}"
    )


def infer_format(kind: Kind, forced: str | None, out: str | None) -> str | None:
    """Return the result's format: the forced one, else that of the extension of `out`, else the kind's default.

    None where the kind has no formats. Of a picture any is as likely as another: that must be named.
    """
    if not kind.formats:
        if forced is not None:
            raise UsageError(f"{_a(kind.job_type)} has no formats to choose from", hint="leave out --format")
        return None
    default = next(iter(kind.formats)) if kind.has_default else None
    suffix = Path(out).suffix if out is not None and out != STDOUT else ""
    if forced is None and out is not None and not _is_plain_name(out):
        suffix = suffix if kind.find_format(suffix) else ""  # a device or a folder: its name says nothing
    wanted, origin = (forced, "--format") if forced is not None else (suffix, f"-o {out}")
    if not wanted:
        if default is None:
            known = ", ".join(kind.formats)
            raise UsageError("the result's format must be named", hint=f"with -o FILE, or --format and one of {known}")
        return default
    found = kind.find_format(wanted)
    if found is None:
        shown = wanted.lower().removeprefix(".")
        raise UsageError(
            f"{_a(kind.job_type)} cannot be made as {shown} ({origin})",
            hint=f"choose one of {', '.join(kind.formats)} with --format",
        )
    return found


def choose_target(file: str | None, out: str | None, kind: Kind, result_format: str | None) -> Target:
    """Return where the result goes. Raises UsageError when that cannot be written, or is the source itself.

    A folder as `out` takes all the files that the job makes.
    """
    name = stem_of(file, kind) + (kind.formats[result_format] if result_format is not None else kind.output)
    if out == STDOUT:
        target = Target(None)
    elif out is None:
        if file is None or file == STDIN:
            raise UsageError("a source without a file has no name", hint="say where the result goes with -o FILE")
        if not name.removeprefix(stem_of(file, kind)):
            raise UsageError(f"{_a(kind.job_type)} may be several files", hint="say where they go with -o FOLDER")
        target = Target(Path(file).parent / name)
    elif os.path.isdir(out) or out.endswith("/"):
        target = Target(Path(out, name), folder=Path(out))
    else:
        target = Target(Path(out))
    target.check()
    if (
        target.path is not None
        and file not in (None, STDIN)
        and os.path.exists(target.path)
        and target.path.samefile(str(file))
    ):
        raise UsageError(f"the result would overwrite the source {file}", hint="name another file with -o FILE")
    return target


def stem_of(file: str | None, kind: Kind) -> str:
    """Return what a result is called after its source: `flow.vl.json` is `flow`."""
    if file is None or file == STDIN:
        return kind.job_type if file is None else "stdin"
    name = Path(file).name
    return name[: -len(kind.extension)] if kind.extension else Path(file).stem


def _a(job_type: str) -> str:
    return f"{'an' if job_type[0] in 'aeiou' else 'a'} {job_type}"


def check_file(file: str) -> None:
    """Refuse a source that is not there or not a file. Raises UsageError."""
    if file == STDIN:
        return
    path = Path(file)
    try:
        if path.is_dir():
            raise UsageError(f"{file} is a directory", hint="name a file")
        if not path.exists():
            raise UsageError(f"there is no file {file}", hint="check the name and the current folder")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UsageError(f"cannot read {file!r}: {error}") from None


def read_source(file: str, kind: Kind) -> str | bytes | Path:
    """Return the text of the source; what is no text as bytes, or where they are. Raises UsageError.

    A source is a text where the kind is a built-in one that takes text, and must then be UTF-8.
    """
    if kind.is_picture and file != STDIN:
        return Path(file)
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    if kind.is_picture:
        return content
    try:
        return content.decode("utf-8").removeprefix(_UTF8_BOM)
    except UnicodeDecodeError as error:
        if kind.job_type not in TEXT_TYPES:
            return content
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{file} is not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}",
            hint=f"convert it first, for example: iconv -f ISO-8859-1 -t UTF-8 {file}",
        ) from None


def _is_plain_name(out: str) -> bool:
    return os.path.isfile(out) or not (os.path.exists(out) or out.endswith("/"))
