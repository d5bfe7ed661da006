"""Assets on the wire."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from nexusd.contract.base import Answer, ForeignId, IdPart, PageQuery, Query, Timestamp

ASSET_REFERENCE_KEY: Final = "$asset"


class Provenance(Answer):
    """What made a generated file. `inputSha256` is of the job's input as it was checked and completed; sizes where known."""

    job_type: str
    renderer_version: str
    tools: dict[str, str] = Field(default_factory=dict, description="The version of each tool the renderer used.")
    input_sha256: str
    width: int | None = Field(default=None, description="Pixels.")
    height: int | None = Field(default=None, description="Pixels.")
    duration_seconds: float | None = None
    pages: int | None = None


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
    attempt: int | None = Field(default=None, description="The number of the attempt that made it.")
    pinned_at: Timestamp | None = Field(default=None, description="Since when it is kept from retention and deletion.")
    provenance: Provenance | None = None


class AssetUpload(Query):
    """The query of `POST …/assets`; the body is the file, or a form with the file, where they may be fields instead."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = "file"
    namespace: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "attachments"
    source_task_id: ForeignId | None = None
    created_by_agent_id: ForeignId | None = None
    created_by_user_id: ForeignId | None = None


UPLOAD_FIELDS: Final = frozenset(field.alias or name for name, field in AssetUpload.model_fields.items())


class ContentQuery(Query):
    """The query of `GET …/content`: how a browser is told to treat the bytes. `download` wins over `inline`."""

    inline: bool = Field(default=False, description="Show it in a browser, whatever it is; nothing of it runs.")
    download: bool = Field(default=False, description="Save it, whatever it is.")


class AssetQuery(PageQuery):
    """The query of `GET …/assets`. Every filter that is given narrows the list."""

    id_part: IdPart | None = None
    source_task_id: str | None = None
    job_id: str | None = None
    namespace: str | None = None
    content_type: str | None = None
    sha256: str | None = None


class AssetList(Answer):
    """A page of assets, newest first."""

    items: list[Asset]
    next_cursor: str | None = None
