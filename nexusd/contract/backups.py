"""Backups on the wire, and in the file that makes a folder one."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from nexusd.contract.base import Answer, Request, Timestamp

BACKUP_FORMAT: Final = 1
DAMAGED_MAX: Final = 1000


class BackupRequest(Request):
    """The body of `POST /v1/backup`."""

    model_config = ConfigDict(strict=True)

    directory: Annotated[str, StringConstraints(min_length=2, max_length=4000, pattern=r"^/[^\x00]+$")] = Field(
        description="An absolute path on the daemon's machine: a new folder, or an empty one that is private (0700)."
    )


class Backup(Answer):
    """A backup that is complete: `backup.json` in its folder, which is written last. All of it is of one moment."""

    format: int = BACKUP_FORMAT
    id: str
    directory: str = Field(description="Where it was made.")
    created_at: Timestamp
    nexusd_version: str
    schema_revision: str
    last_event_id: int
    jobs: int
    assets: int = Field(description="Those that are not deleted.")
    asset_bytes: int
    linked: int = Field(description="Files that are hard links to the stored ones: they take no room.")
    copied: int
    elsewhere: int = Field(description="Assets whose files another provider keeps: they are not in the backup.")
    damaged: int = Field(description="Assets that have no whole file in the store, so neither here.")
    damaged_ids: list[str] = Field(default_factory=list, description=f"Their ids, at most {DAMAGED_MAX}.")
    idempotency_key: str | None = None
