"""The store of files on the wire: what was collected as garbage, what is wrong with what is stored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from nexusd.contract.base import Answer, Query


class CollectionQuery(Query):
    """The query of `POST /v1/storage/gc`."""

    dry_run: bool = False


class CollectedFile(Answer):
    """A file that was garbage. `rowless`: its row was never written. `deleted`: its asset is."""

    object_key: str
    byte_size: int
    reason: Literal["rowless", "deleted"]


class CollectionReport(Answer):
    """What a garbage collection deleted, or would have with `dryRun`."""

    dry_run: bool
    files: list[CollectedFile]
    blobs: int = Field(description="Bytes that were stored once for several files, none of which is left.")
    bytes_freed: int
    complete: bool = Field(description="False when there was more than is taken in one go: ask again.")


class VerificationQuery(Query):
    """The query of `GET /v1/storage/verify`."""

    after: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")] | None = Field(
        default=None, description="nextAfter of the page before."
    )
    limit: int = Field(default=100, ge=1, le=500, description="Assets to look at; fewer when that takes long.")
    quick: bool = Field(default=False, description="Whether to compare sizes only, and read nothing.")


class Finding(Answer):
    """Something that is wrong. `missing`: an asset's file is not there. `torn`: it is not what its row says. `foreign`: a file
    that has no row."""

    kind: Literal["missing", "torn", "foreign"]
    object_key: str
    asset_id: str | None = None
    company_id: str | None = None
    message: str


class VerificationPage(Answer):
    """What was found by reading some of the assets anew. The last page tells of foreign files as well."""

    checked: int = Field(description="Assets that were looked at.")
    bytes_read: int
    findings: list[Finding]
    next_after: str | None = Field(default=None, description="Go on after this asset; null when all were looked at.")
