"""What must be uploaded before a render can be submitted: long or binary sources, and the files that a source refers to.

Nothing is uploaded that the daemon has already.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nexusctl.errors import Refused
from nexusd.contract.assets import ASSET_REFERENCE_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nexusctl.client.nexus import Nexus

INLINE_MAX_BYTES: Final = 900 * 1024
"""What a source may take in the body, encoded; the daemon takes bodies up to 1 MiB."""
_HASH_CHUNK_BYTES: Final = 1024 * 1024


def send_source(nexus: Nexus, source: str | bytes | Path, filename: str, content_type: str) -> str | dict[str, str]:
    """Return a source as the input has it: its text, or the asset that holds it. `content_type` is that of a text."""
    if not isinstance(source, str):
        return send_file(nexus, source, filename)
    if len(json.dumps(source, ensure_ascii=False).encode()) <= INLINE_MAX_BYTES:
        return source
    return _send(nexus, source.encode(), filename, content_type)


def send_files(nexus: Nexus, files: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """Return files as the input has them: the paths that the source uses, and the assets that hold them."""
    return {key: send_file(nexus, path, Path(key).name) for key, path in files.items()}


def send_file(nexus: Nexus, body: bytes | Path, filename: str) -> dict[str, str]:
    """Return a reference to an asset that holds these bytes."""
    return _send(nexus, body, filename, mimetypes.guess_type(filename)[0] or "application/octet-stream")


def _send(nexus: Nexus, body: bytes | Path, filename: str, content_type: str) -> dict[str, Any]:
    existing = nexus.find_assets(sha256=_sha256(body)).items
    if existing:
        return {ASSET_REFERENCE_KEY: existing[0].id}
    try:
        asset = nexus.upload_asset(body, filename=filename, content_type=content_type)
    except Refused as refused:
        raise Refused(
            f"cannot send {filename}: {refused}", slug=refused.slug, status=refused.status, hint=refused.hint
        ) from None
    return {ASSET_REFERENCE_KEY: asset.id}


def _sha256(body: bytes | Path) -> str:
    digest = hashlib.sha256()
    if isinstance(body, bytes):
        digest.update(body)
    else:
        with body.open("rb") as file:
            while chunk := file.read(_HASH_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
