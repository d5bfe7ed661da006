"""What is to be rendered, and how it becomes the input of a job: sources, and the files that they refer to.

Reading and hashing are steps, for they may block; uploads are made only of what the daemon does not have yet.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexusctl.client import asking, calls
from nexusctl.client.bodies import CHUNK_BYTES, Body, type_of
from nexusctl.client.steps import Do
from nexusctl.errors import Refused, UsageError
from nexusctl.kinds import CONTENT_TYPES, EXTENSIONS, FORMATS, Kind, find_kind, known_types
from nexusd.contract.assets import ASSET_REFERENCE_KEY

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Plan
    from nexusd.contract.assets import Asset

INLINE_MAX_BYTES: Final = 900 * 1024
"""What a source may take in the body, encoded; the daemon takes bodies up to 1 MiB."""


@dataclass(frozen=True, slots=True)
class Material:
    """One source as text: what it is, what it is to become, what it is called, and the files it refers to, by its own paths."""

    kind: Kind
    source: str
    format: str
    name: str = "source"
    files: Mapping[str, Path | bytes] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    """What the source refers to and is not sent along, a line each."""


def read_material(
    what: str | os.PathLike[str],
    forced: str | None,
    result_format: str | None,
    files: Mapping[str, str | os.PathLike[str] | bytes] | None,
) -> Material:
    """Return what a path, or a text with `forced` as its type, is to be rendered from. Raises UsageError, OSError.

    The local files that a document uses go along when it is a file; `files` are more of them, or those of a text.
    """
    is_text = isinstance(what, str) and forced is not None
    if is_text and "\n" not in str(what) and _is_file(str(what)):
        raise UsageError(f"{what} may be a file or a text", hint="write Path(…) for a file; a text of one line may end in \\n")
    kind = find_kind("" if is_text else str(what), forced)
    if kind is None:
        raise UsageError(
            f"cannot tell what {what!s:.80} is" if forced is None else f"there is no type {forced} to render",
            hint=f"say type=, one of {known_types()}; known by their names are files that end in {' '.join(EXTENSIONS)}",
        )
    wanted = (result_format or FORMATS[kind.job_type][0]).lower().removeprefix(".")
    given = {name: each if isinstance(each, bytes) else Path(each) for name, each in (files or {}).items()}
    if is_text:
        return Material(kind, str(what), wanted, files=given)
    return _read_file(Path(what), kind, wanted, given)


def prepare(patience: Patience, company: str, material: Material) -> Plan[dict[str, Any]]:
    """Upload what must be uploaded, and return the job's input. Raises Refused, OSError."""
    job_input: dict[str, Any] = {"language": material.kind.language, "source": material.source, "format": material.format}
    if len(json.dumps(material.source, ensure_ascii=False).encode()) > INLINE_MAX_BYTES:
        content = material.source.encode()
        asset = yield from have_asset(patience, company, content, material.name, CONTENT_TYPES[material.kind.language])
        job_input["source"] = {ASSET_REFERENCE_KEY: asset.id}
    for key, body in material.files.items():
        name = Path(key).name
        asset = yield from have_asset(patience, company, body, name, type_of(name))
        job_input.setdefault("files", {})[key] = {ASSET_REFERENCE_KEY: asset.id}
    return job_input


def have_asset(patience: Patience, company: str, content: bytes | Path, filename: str, content_type: str) -> Plan[Asset]:
    """Return an asset with that content: one the daemon has already, else a new one."""
    sha256 = yield Do(partial(_hash, content))
    existing = (yield from asking.call(patience, calls.find_assets(company, sha256=sha256))).items
    if existing:
        return existing[0]
    body = content if isinstance(content, bytes) else Body(content)
    call = calls.upload_asset(company, body, filename=filename, content_type=content_type)
    try:
        return (yield from asking.call(patience, call))
    except Refused as refused:
        raise Refused(
            f"cannot send {filename}: {refused}", slug=refused.slug, status=refused.status, hint=refused.hint
        ) from None


def _read_file(path: Path, kind: Kind, wanted: str, given: dict[str, Path | bytes]) -> Material:
    from nexusctl.client.references import find_references

    try:
        source = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    found = find_references(kind.language, source, path.parent)
    skipped = tuple(line for line in found.skipped if line.partition(":")[0] not in given)
    return Material(kind, source, wanted, path.name, {**found.files, **given}, skipped)


def _hash(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    with content.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long, or with a NUL: no name of a file
        return False
