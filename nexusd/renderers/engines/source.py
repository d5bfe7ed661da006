"""The source of a job: text in the input, or a file that the runner placed.

Owns reading and the size bound. Text is UTF-8; a byte order mark goes, other encodings are refused with the line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nexusd.renderers.job import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from nexusd.renderers.job import ChildJob

SOURCE_MAX_BYTES: Final = 10 * 1024 * 1024


def read_source(job: ChildJob, name: str) -> str:
    """Return the text of the input's `source`. `name` is what messages call it: `diagram.d2`.

    Raises InvalidInput when it is too large, or not UTF-8.
    """
    source = job.input["source"]
    content = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else read_asset(job, source)
    if len(content) > SOURCE_MAX_BYTES:
        raise InvalidInput(f"{name}: the source has {len(content):,} bytes; at most {SOURCE_MAX_BYTES:,} can be rendered")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{name}:{line}: the source is not UTF-8 text (byte {error.start})") from None


def read_asset(job: ChildJob, reference: dict[str, Any]) -> bytes:
    """Return the start of a placed file: one byte more than is allowed, so that the caller sees when it is too large."""
    with asset_file(job, reference).open("rb") as file:
        return file.read(SOURCE_MAX_BYTES + 1)


def asset_file(job: ChildJob, reference: dict[str, Any]) -> Path:
    """Return where the runner placed the file of an asset reference."""
    return job.workdir / str(reference["path"])
