"""The tables, as SQLModel classes. The schema itself is made by the migrations; a test holds the two together.

Times are UTC, stored as the API writes them (`2026-01-31T12:00:00.000Z`), so that they sort as text and read well in any
SQLite shell. Ids are UUIDv7 text. JSON is text, encoded by whoever writes it.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Dialect, Index, Integer, Table, Text, TypeDecorator, UniqueConstraint, text
from sqlmodel import Column, Field, SQLModel

from nexusd.contract.base import format_time
from nexusd.domain.states import JobStatus


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as RFC 3339 text with milliseconds."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Write."""
        return None if value is None else format_time(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Read."""
        return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


def _time(nullable: bool = True) -> Any:
    return Field(default=None, sa_type=UtcTime, nullable=nullable)


class Company(SQLModel, table=True):
    """The scope of jobs and assets. Never renamed, never deleted."""

    __tablename__ = "companies"

    id: str = Field(primary_key=True)
    slug: str = Field(unique=True)
    name: str
    created_at: datetime = _time(nullable=False)


class ContentJob(SQLModel, table=True):
    """A job. `attempt` is how many were started and fences every transition; `attempts_used` is how many count.

    `crashes` counts the daemon's deaths under this job in a row; any attempt that ends by itself sets it back to 0.
    """

    __tablename__ = "content_jobs"
    __table_args__ = (
        CheckConstraint(f"status IN ({', '.join(repr(str(s)) for s in JobStatus)})", name="status_is_known"),
        CheckConstraint("progress IS NULL OR progress BETWEEN 0 AND 1", name="progress_is_a_fraction"),
        Index("content_jobs_by_company", "company_id", "id"),
        Index("content_jobs_by_company_and_status", "company_id", "status"),
        Index("content_jobs_by_company_and_created", "company_id", "created_at"),
        Index("content_jobs_by_source_task", "company_id", "source_task_id", "id"),
        Index(
            "content_jobs_queue",
            "company_id",
            "job_type",
            text("priority DESC"),
            "id",
            sqlite_where=text("status = 'queued'"),
        ),
        Index(
            "content_jobs_backing_off",
            "available_at",
            sqlite_where=text("status = 'queued' AND available_at IS NOT NULL"),
        ),
        Index("content_jobs_running", "id", sqlite_where=text("status = 'running'")),
        Index("content_jobs_done", "job_type", "finished_at", sqlite_where=text("status = 'done'")),
    )

    id: str = Field(primary_key=True)
    company_id: str = Field(foreign_key="companies.id")
    job_type: str
    status: str
    input: str = Field(sa_type=Text)
    source_task_id: str | None = None
    priority: int = 0
    timeout_seconds: float | None = None
    max_attempts: int = 3
    attempt: int = 0
    attempts_used: int = 0
    crashes: int = 0
    progress: float | None = None
    progress_message: str | None = None
    result_asset_id: str | None = None  # no foreign key: assets.job_id is the link, and two would be a circle
    error_code: str | None = None
    error_message: str | None = None
    retry_of: str | None = Field(default=None, foreign_key="content_jobs.id")
    cancel_requested_at: datetime | None = _time()
    available_at: datetime | None = _time()
    created_at: datetime = _time(nullable=False)
    updated_at: datetime = _time(nullable=False)
    started_at: datetime | None = _time()
    finished_at: datetime | None = _time()


class JobAttempt(SQLModel, table=True):
    """One try at a job, and the identity of its process: (boot id, pid, start time) names one process for ever."""

    __tablename__ = "job_attempts"
    __table_args__ = (
        UniqueConstraint("job_id", "number", name="attempt_numbers_are_unique"),
        Index("job_attempts_live", "job_id", unique=True, sqlite_where=text("finished_at IS NULL")),
    )

    id: str = Field(primary_key=True)
    job_id: str = Field(foreign_key="content_jobs.id")
    number: int
    outcome: str | None = None
    message: str | None = None
    boot_id: str | None = None
    pid: int | None = None
    pid_start_ticks: int | None = None
    started_at: datetime = _time(nullable=False)
    finished_at: datetime | None = _time()
    exit_code: int | None = None
    signal: int | None = None
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    containment: str | None = None


class Asset(SQLModel, table=True):
    """A stored file. The row is written after the file is durable, so it never lies.

    `provenance` is JSON, as the contract has it; `attempt` is the number of the attempt that made the file.
    """

    __tablename__ = "assets"
    __table_args__ = (
        Index("assets_by_company", "company_id", "id"),
        Index("assets_by_source_task", "company_id", "source_task_id", "id"),
        Index("assets_deleted", "id", sqlite_where=text("deleted_at IS NOT NULL")),
        Index("assets_by_hash", "company_id", "sha256"),
        Index("assets_by_job", "job_id"),
        UniqueConstraint("provider", "object_key", name="object_keys_are_unique"),
    )

    id: str = Field(primary_key=True)
    company_id: str = Field(foreign_key="companies.id")
    namespace: str
    provider: str
    object_key: str
    content_type: str
    byte_size: int
    sha256: str
    original_filename: str | None = None
    job_id: str | None = Field(default=None, foreign_key="content_jobs.id")
    source_task_id: str | None = None
    created_by_agent_id: str | None = None
    created_by_user_id: str | None = None
    created_at: datetime = _time(nullable=False)
    deleted_at: datetime | None = _time()
    attempt: int | None = None
    provenance: str | None = Field(default=None, sa_type=Text)
    pinned_at: datetime | None = _time()


class JobAssetReference(SQLModel, table=True):
    """An asset that a job's input names: it must outlive the job's last attempt."""

    __tablename__ = "job_asset_references"
    __table_args__ = (Index("job_asset_references_by_asset", "asset_id"),)

    job_id: str = Field(primary_key=True, foreign_key="content_jobs.id", ondelete="CASCADE")
    asset_id: str = Field(primary_key=True, foreign_key="assets.id")


class Event(SQLModel, table=True):
    """What happened, in order. AUTOINCREMENT: an id is never used again. `data` is the JSON a client receives."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_by_company", "company_id", "id"),
        Index("events_by_job", "job_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(Integer, primary_key=True, autoincrement=True))
    company_id: str = Field(foreign_key="companies.id")
    job_id: str | None = None
    asset_id: str | None = None
    type: str
    data: str = Field(sa_type=Text)
    created_at: datetime = _time(nullable=False)


class EventRetention(SQLModel, table=True):
    """One row: events up to and including `pruned_through` may be gone."""

    __tablename__ = "event_retention"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True)
    pruned_through: int = 0


class IdempotencyKey(SQLModel, table=True):
    """A key a client gave, unique per company and route; it lives as long as the first of its jobs."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_by_job", "job_id"),)

    company_id: str = Field(primary_key=True, foreign_key="companies.id")
    route: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    body_sha256: str
    job_id: str = Field(foreign_key="content_jobs.id", ondelete="CASCADE")
    job_ids: str = Field(sa_type=Text)
    created_at: datetime = _time(nullable=False)


class QueuePause(SQLModel, table=True):
    """Nothing of this job type starts; the empty one stands for the whole queue."""

    __tablename__ = "queue_pauses"

    job_type: str = Field(primary_key=True)
    reason: str | None = None
    paused_at: datetime = _time(nullable=False)


def _table(model: type[SQLModel]) -> Table:
    table = model.__table__  # type: ignore[attr-defined]
    assert isinstance(table, Table)
    return table


COMPANIES = _table(Company)
JOBS = _table(ContentJob)
ATTEMPTS = _table(JobAttempt)
ASSETS = _table(Asset)
REFERENCES = _table(JobAssetReference)
EVENTS = _table(Event)
RETENTION = _table(EventRetention)
KEYS = _table(IdempotencyKey)
PAUSES = _table(QueuePause)
"""The same tables for SQLAlchemy Core, which the hot statements use: the ORM session is three times slower there."""
