"""How a material becomes the input of a job: what is long or no text, and the files beside it, are uploaded first.

Nothing is uploaded that the daemon has already. Hashing is a step, for it may block.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexusctl.client import asking, calls
from nexusctl.client.bodies import Body, type_of
from nexusctl.client.steps import Do
from nexusctl.errors import Refused
from nexusd.contract.assets import ASSET_REFERENCE_KEY

if TYPE_CHECKING:
    from nexusctl.client.material import Material
    from nexusctl.client.patience import Patience
    from nexusctl.client.steps import Plan

INLINE_MAX_BYTES: Final = 900 * 1024
"""What a source may take in the body, encoded; the daemon takes bodies up to 1 MiB."""


def prepare(patience: Patience, company: str, material: Material) -> Plan[dict[str, Any]]:
    """Upload what must be uploaded, and return the job's input. Raises Refused, OSError."""
    job_input = dict(material.input)
    source = material.source
    if isinstance(source, str):
        if len(json.dumps(source, ensure_ascii=False).encode()) <= INLINE_MAX_BYTES:
            job_input["source"] = source
        else:
            job_input["source"] = yield from _refer(patience, company, source.encode(), material.name, material.content_type)
    elif source is not None:
        job_input["source"] = yield from _refer(patience, company, source, material.name, type_of(material.name))
    files = {}
    for key, body in material.files.items():
        name = Path(key).name
        files[key] = yield from _refer(patience, company, body, name, type_of(name))
    if files:
        job_input["files"] = {**job_input.get("files", {}), **files}
    return job_input


def _refer(patience: Patience, company: str, content: bytes | Path, filename: str, content_type: str) -> Plan[dict[str, str]]:
    """Return a reference to an asset with that content: one the daemon has already, else a new one."""
    sha256 = yield Do(partial(_hash, content))
    existing = (yield from asking.call(patience, calls.find_assets(company, sha256=sha256))).items
    if existing:
        return {ASSET_REFERENCE_KEY: existing[0].id}
    body = content if isinstance(content, bytes) else Body(content)
    call = calls.upload_asset(company, body, filename=filename, content_type=content_type)
    try:
        asset = yield from asking.call(patience, call)
    except Refused as refused:
        raise Refused(
            f"cannot send {filename}: {refused}", slug=refused.slug, status=refused.status, hint=refused.hint
        ) from None
    return {ASSET_REFERENCE_KEY: asset.id}


def _hash(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
