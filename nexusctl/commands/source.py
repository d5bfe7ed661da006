"""What `render` is asked to render: the file, the job type and language, the format, and where the result goes.

Owns the inference from names and the reading of the source. Contacts nothing: every refusal here is a UsageError (exit 2).

The result's default place is beside the source with the format's extension, as d2 and typst do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from nexusctl.errors import UsageError
from nexusctl.kinds import EXTENSIONS, FORMATS, Kind, find_kind, known_types
from nexusctl.output.files import STDOUT, Target

STDIN: Final = "-"
_UTF8_BOM: Final = "\ufeff"


def infer_kind(file: str, forced: str | None) -> Kind:
    """Return the kind of a file. `forced` is a job type (`document`), a language (`typst`), or both (`document/typst`)."""
    kind = find_kind(file, forced)
    if kind is not None:
        return kind
    if forced is None:
        raise UsageError(
            f"cannot tell what {file} is from its name",
            hint=f"name it with --type diagram|document, or use {' '.join(EXTENSIONS)}",
        )
    raise UsageError(
        f"render knows no type {forced}",
        hint=f"it knows {known_types()}; for other job types use `nexusctl submit`",
    )


def infer_format(job_type: str, forced: str | None, out: str | None) -> str:
    """Return the result's format: the forced one, else that of the extension of `out`, else the job type's default."""
    known = FORMATS[job_type]
    if forced is not None:
        wanted, origin = forced.lower().removeprefix("."), "--format"
    else:
        suffix = Path(out).suffix if out not in (None, STDOUT) else ""
        wanted, origin = suffix.lower().removeprefix(".") or known[0], f"-o {out}"
    if forced is None and out is not None and not _is_plain_name(out):
        wanted = wanted if wanted in known else known[0]  # a device or a folder: its name says nothing
    if wanted not in known:
        raise UsageError(
            f"a {job_type} cannot be made as {wanted} ({origin})", hint=f"choose one of {', '.join(known)} with --format"
        )
    return wanted


def choose_target(file: str, out: str | None, result_format: str) -> Target:
    """Return where the result goes. Raises UsageError when that cannot be written, or is the source itself."""
    if out == STDOUT:
        target = Target(None)
    elif out is None:
        if file == STDIN:
            raise UsageError("a source from standard input has no name", hint="say where the result goes with -o FILE")
        target = Target(Path(file).with_suffix(f".{result_format}"))
    elif os.path.isdir(out):
        target = Target(Path(out, Path(file if file != STDIN else "stdin").name).with_suffix(f".{result_format}"))
    else:
        target = Target(Path(out))
    target.check()
    if target.path is not None and file != STDIN and os.path.exists(target.path) and target.path.samefile(file):
        raise UsageError(f"the result would overwrite the source {file}", hint="name another file with -o FILE")
    return target


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


def read_source(file: str) -> str:
    """Return the text of the source. Raises UsageError when it cannot be read or is not UTF-8."""
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    try:
        return content.decode("utf-8").removeprefix(_UTF8_BOM)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{file} is not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}",
            hint=f"convert it first, for example: iconv -f ISO-8859-1 -t UTF-8 {file}",
        ) from None


def _is_plain_name(out: str) -> bool:
    return os.path.isfile(out) or not os.path.exists(out)
