"""The source of a job: text in the input, or a file that the runner placed.

Owns reading and the size bound. Text is UTF-8; a byte order mark goes, other encodings are refused with the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.job import ChildJob


def read_source(job: ChildJob, name: str) -> str:
    """Return the text of the input's `source`. `name` is what messages call it: `diagram.d2`.

    Raises InvalidInput when it is too large, or not UTF-8.
    """
    source = job.input["source"]
    content = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else read_asset(job, source)
    if len(content) > job.caps.source_max_bytes:
        raise InvalidInput(f"{name}: the source has more than {job.caps.source_max_bytes:,} bytes (caps.source_max_bytes)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{name}:{line}: the source is not UTF-8 text (byte {error.start})") from None


def read_asset(job: ChildJob, reference: dict[str, Any]) -> bytes:
    """Return the start of a placed file: one byte more than is allowed, so that the caller sees when it is too large."""
    with asset_file(job, reference).open("rb") as file:
        return file.read(job.caps.source_max_bytes + 1)


def asset_file(job: ChildJob, reference: dict[str, Any]) -> Path:
    """Return where the runner placed the file of an asset reference."""
    return job.workdir / str(reference["path"])


def named_file(job: ChildJob, given: str | dict[str, Any]) -> Path:
    """Return where the runner placed what an input names: an asset, or a path in its `files`."""
    return asset_file(job, job.input["files"][given] if isinstance(given, str) else given)


def position(text: str, at: int) -> str:
    """Return an offset in a text as `LINE:COLUMN`, both from 1."""
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"
