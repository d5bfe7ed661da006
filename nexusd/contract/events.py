"""Events on the wire: the types, and the `data` of each SSE frame.

The frame's `id` is the event's row id. A job stream names its frames `status` and `progress`; a company stream names them by
the type of the event. Frames about the stream itself (`reset`, `server.stopping`) are no rows: `reset` carries the id to
go on from, `server.stopping` none.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from nexusd.contract.assets import Asset
from nexusd.contract.base import Answer, Query, Timestamp
from nexusd.contract.jobs import JobSummary


class EventType(StrEnum):
    """Every type of event row. `content_job.cancelling` says that a running job was asked to stop."""

    JOB_QUEUED = "content_job.queued"
    JOB_RUNNING = "content_job.running"
    JOB_PROGRESS = "content_job.progress"
    JOB_CANCELLING = "content_job.cancelling"
    JOB_DONE = "content_job.done"
    JOB_FAILED = "content_job.failed"
    JOB_CANCELLED = "content_job.cancelled"
    ASSET_CREATED = "asset.created"
    ASSET_DELETED = "asset.deleted"


class StreamQuery(Query):
    """The query of every stream. `after` is for clients that cannot send `Last-Event-ID`, which wins."""

    after: int | None = Field(default=None, ge=0)


class CompanyStreamQuery(StreamQuery):
    """The query of a company's stream. `types` may be repeated."""

    types: list[EventType] | None = None


class JobEvent(Answer):
    """Data of `status` frames and of every `content_job.*` but progress: the whole job, without its input."""

    company_id: str
    job_id: str
    created_at: Timestamp
    job: JobSummary


class ProgressEvent(Answer):
    """Data of `progress` and `content_job.progress`."""

    company_id: str
    job_id: str
    created_at: Timestamp
    attempt: int
    progress: float = Field(ge=0, le=1)
    message: str | None = None


class AssetEvent(Answer):
    """Data of `asset.created` and `asset.deleted`."""

    company_id: str
    asset_id: str
    job_id: str | None = None
    created_at: Timestamp
    asset: Asset


class ResetEvent(Answer):
    """Data of `reset`: the cursor was outside of what is kept; what follows starts anew from `resumedFrom`."""

    reason: str = Field(description="`pruned`: older than the retention. `future`: this database never gave that id.")
    requested: int
    resumed_from: int
    oldest_available: int


class SnapshotEndEvent(Answer):
    """Data of `snapshot.end`: every event after `resumedFrom` comes next."""

    jobs: int = Field(description="How many `snapshot` frames there were.")
    complete: bool = Field(description="False: there are more such jobs than a snapshot holds; the lists have them.")
    resumed_from: int


class LaggingEvent(Answer):
    """Data of `lagging`: nothing is lost, reconnect with the last id."""

    cursor: int
    behind: int = Field(description="How many events of this stream were not sent yet.")


class StoppingEvent(Answer):
    """Data of `server.stopping`: the stream ends now; reconnect with the last id."""

    retry_after_seconds: int = 1
