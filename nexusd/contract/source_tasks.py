"""What came of one conversation task, on the wire: its jobs and its assets, in one list."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nexusd.contract.assets import Asset
from nexusd.contract.base import Answer
from nexusd.contract.jobs import JobSummary


class SourceTaskItem(Answer):
    """A job or an asset, as `kind` says; the other field is null."""

    kind: Literal["job", "asset"]
    job: JobSummary | None = None
    asset: Asset | None = None

    @property
    def id(self) -> str:
        """The id of the job or the asset."""
        found = self.job or self.asset
        assert found is not None
        return found.id


class SourceTask(Answer):
    """A page of what a conversation task asked for and got, newest first. A task that nobody has named yet has nothing."""

    source_task_id: str = Field(description="As its owner names it.")
    items: list[SourceTaskItem]
    next_cursor: str | None = None
