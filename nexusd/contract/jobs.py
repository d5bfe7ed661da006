"""Content jobs on the wire: what a client submits, what it gets back."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from nexusd.contract.assets import Asset
from nexusd.contract.base import Answer, ForeignId, IdPart, JsonObject, PageQuery, Query, Request, Timestamp
from nexusd.domain.states import ErrorCode, JobStatus

BODY_MAX_BYTES: Final = 1024 * 1024
BATCH_MAX_BYTES: Final = 16 * 1024 * 1024
BATCH_MAX_ITEMS: Final = 1000
WAIT_MAX_SECONDS: Final = 600
IDEMPOTENCY_KEY_MAX_LENGTH: Final = 255

JobType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class JobSubmission(Request):
    """The body of `POST …/content-jobs`. Strict: `"5"` is no number."""

    model_config = ConfigDict(strict=True)

    job_type: JobType
    input: JsonObject
    source_task_id: ForeignId | None = Field(
        default=None, description="The conversation task that asked, as its owner names it."
    )
    priority: int = Field(default=0, ge=-1000, le=1000, description="Higher starts first.")
    timeout_seconds: float | None = Field(default=None, gt=0, le=86_400, description="For each attempt, from its start.")
    max_attempts: int = Field(default=3, ge=1, le=100)


class BatchSubmission(Request):
    """The body of `POST …/content-jobs/batch`: all are stored, or none."""

    model_config = ConfigDict(strict=True)

    items: Annotated[list[JobSubmission], Field(min_length=1, max_length=BATCH_MAX_ITEMS)]


class JobQuery(PageQuery):
    """The query of `GET …/content-jobs`. Every filter that is given narrows the list; `status` may be repeated."""

    id_part: IdPart | None = None
    status: list[JobStatus] | None = None
    job_type: str | None = None
    source_task_id: str | None = None
    created_after: AwareDatetime | None = None
    created_before: AwareDatetime | None = None


class JobWaitQuery(Query):
    """The query of `GET …/content-jobs/{jobId}/wait`."""

    timeout: float = Field(default=30, ge=0, le=WAIT_MAX_SECONDS, allow_inf_nan=False, description="In seconds.")


class JobAccepted(Answer):
    """202: the job is durable."""

    job_id: str
    status: JobStatus
    created_at: Timestamp


class BatchAccepted(Answer):
    """202: every job of the batch is durable, in the order given."""

    items: list[JobAccepted]


class JobSummary(Answer):
    """A job as lists and events show it: everything but its input, its attempts and its assets."""

    id: str
    company_id: str
    job_type: str
    status: JobStatus
    source_task_id: str | None = None
    priority: int = 0
    timeout_seconds: float | None = None
    attempt: int = Field(default=0, description="How many attempts were started.")
    attempts_used: int = Field(default=0, description="How many of them count against maxAttempts: a stop or a crash does not.")
    max_attempts: int = 3
    progress: float | None = Field(default=None, ge=0, le=1)
    progress_message: str | None = None
    result_asset_id: str | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    retry_of: str | None = None
    cancel_requested_at: Timestamp | None = None
    available_at: Timestamp | None = Field(default=None, description="Not started before this: a retry backs off.")
    created_at: Timestamp
    updated_at: Timestamp
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None


class Attempt(Answer):
    """One try at a job."""

    id: str
    number: int
    outcome: str | None = Field(
        default=None,
        description="done, cancelled, stopped or crashed (the daemon, so not counted), an errorCode, or null while it runs.",
    )
    message: str | None = None
    started_at: Timestamp
    finished_at: Timestamp | None = None
    exit_code: int | None = None
    signal: int | None = None
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    containment: str | None = Field(default=None, description="How its child was held: bubblewrap, landlock or limits.")


class Job(JobSummary):
    """A job in full."""

    input: JsonObject
    attempts: list[Attempt] = Field(default_factory=list)
    assets: list[Asset] = Field(default_factory=list)
    queue_position: int | None = Field(
        default=None,
        description="While queued: 1 = next, by priority and age over all companies. An estimate: companies take turns, so a "
        "later one may go first, and a job that may not start yet has its place all the same.",
    )
    estimated_start_at: Timestamp | None = Field(
        default=None,
        description="While queued: about when it starts, if what is ahead takes what such jobs took lately. Null when that is "
        "unknown, or when it cannot start: its type is paused or has no renderer.",
    )
    estimated_finish_at: Timestamp | None = Field(
        default=None,
        description="While queued or running: about when it ends. Null when that is unknown, and once it runs for longer.",
    )


class JobList(Answer):
    """A page of jobs, newest first."""

    items: list[JobSummary]
    next_cursor: str | None = None


class CancelAnswer(Answer):
    """200 with `cancelled`: it is over. 202 with `cancelling`: the attempt is being ended, follow the job to see it."""

    job_id: str
    outcome: str
    status: JobStatus
