"""What `render` is asked to render: the file, its kind, the format, and where the result goes.

Owns what the command line adds to the library's `material`: standard input and the place of the result. Contacts nothing: every
refusal here is a UsageError (exit 2). The names themselves are `kinds`'.

The result's default place is beside the source with the format's extension, as d2 and typst do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nexusctl.client import material
from nexusctl.client.material import choose_format, decode_source
from nexusctl.errors import UsageError
from nexusctl.output.files import STDOUT, Target

if TYPE_CHECKING:
    from nexusctl.kinds import Kind

STDIN: Final = "-"


def infer_format(kind: Kind, forced: str | None, out: str | None) -> str | None:
    """Return the result's format: the forced one, else that of the extension of `out`, else the kind's default.

    None where the kind has no formats. Raises UsageError.
    """
    suffix = Path(out).suffix if out is not None and out != STDOUT and kind.formats else ""
    if forced is None and out is not None and not _is_plain_name(out):
        suffix = suffix if kind.find_format(suffix) else ""  # a device or a folder: its name says nothing
    return choose_format(kind, forced if forced is not None else suffix or None, "-o FILE or --format")


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
            raise UsageError(f"{kind.called} may be several files", hint="say where they go with -o FOLDER")
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
    """Return the text of the source; what is no text as bytes, or where they are. Raises UsageError."""
    if file == STDIN:
        return decode_source(sys.stdin.buffer.read(), kind, file)
    try:
        return material.read_source(Path(file), kind)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None


def _is_plain_name(out: str) -> bool:
    return os.path.isfile(out) or not (os.path.exists(out) or out.endswith("/"))
