"""Events on the wire: the types, and the `data` of each SSE frame.

The frame's `id` is the event's row id. A job stream names its frames `status` and `progress`; the streams of a company and of
all companies name them by the type of the event. Frames about the stream itself are no rows:

    snapshot         one for each job that is not over, with `?snapshot=active` and after a `reset`; no id
    snapshot.end     that was all of them; its id is the cursor of their moment
    reset            the cursor cannot be gone on from; what follows starts anew; no id
    lagging          the reader fell too far behind, and the stream ends; its id is the last one that was sent
    server.stopping  the daemon ends, and the stream with it; no id

A frame without an id leaves a client's last id alone: who loses the connection between a `reset` and the state that
follows, or amid a snapshot, is given it once more.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

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


class EventStreamQuery(StreamQuery):
    """The query of the streams of a company and of all companies. `types` may be repeated."""

    types: list[EventType] | None = None
    snapshot: Literal["active"] | None = Field(
        default=None, description="Begin with every job that is not over, unless the stream is resumed."
    )


class JobEvent(Answer):
    """Data of `status`, `snapshot` and every `content_job.*` but progress: the whole job, without its input."""

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
    requested: int = Field(description="The cursor that was asked for, or how far the stream had got when it was overtaken.")
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
