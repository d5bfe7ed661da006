"""Assets on the wire."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from nexusd.contract.base import Answer, ForeignId, PageQuery, Query, Timestamp

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


class AssetUpload(Query):
    """The query of `POST …/assets`; the body is the file."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = "file"
    namespace: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "attachments"
    source_task_id: ForeignId | None = None
    created_by_agent_id: ForeignId | None = None
    created_by_user_id: ForeignId | None = None


class AssetQuery(PageQuery):
    """The query of `GET …/assets`. Every filter that is given narrows the list."""

    source_task_id: str | None = None
    job_id: str | None = None
    namespace: str | None = None
    content_type: str | None = None
    sha256: str | None = None


class AssetList(Answer):
    """A page of assets, newest first."""

    items: list[Asset]
    next_cursor: str | None = None
