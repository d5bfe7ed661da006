"""Assets on the wire."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from nexusd.contract.base import Answer, Timestamp

ASSET_REFERENCE_KEY: Final = "$asset"


class Asset(Answer):
    """A stored file and where it came from. `provider` and `objectKey` say where the bytes lie; `sha256` is hex."""

    id: str
    company_id: str
    namespace: str
    provider: str
    object_key: str
    content_type: str
    byte_size: int = Field(ge=0)
    sha256: str
    original_filename: str | None = None
    job_id: str | None = None
    source_task_id: str | None = None
    created_by_agent_id: str | None = None
    created_by_user_id: str | None = None
    created_at: Timestamp


class AssetList(Answer):
    """A page of assets, newest first."""

    items: list[Asset]
    next_cursor: str | None = None
