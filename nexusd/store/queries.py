"""Queries about jobs: what the API shows, what recovery must end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, func, literal_column, or_, select

from nexusd.contract.jobs import Job, JobList, JobSummary
from nexusd.domain.states import JobStatus
from nexusd.errors import NotFound
from nexusd.store import assets, events, pauses
from nexusd.store.jobs import Claim, ProcessIdentity
from nexusd.store.pages import PageWanted, read_page
from nexusd.store.rows import ATTEMPT_COLUMNS, SUMMARY_COLUMNS, next_cursor, to_attempt, to_summary
from nexusd.store.statements import iter_rows, prepare_query
from nexusd.store.tables import ASSETS, ATTEMPTS, JOBS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Select

    from nexusd.contract.pauses import QueuePause
    from nexusd.store.events import Bounds


def _prepare_active(status: str) -> tuple[str, str]:
    """Return the query for the jobs of all companies, and for those of one.

    The status is spelled out: only so may SQLite use the indexes of those few.
    """
    query = select(*SUMMARY_COLUMNS).where(JOBS.c.status == literal_column(f"'{status}'"))
    query = query.order_by(JOBS.c.priority.desc(), JOBS.c.id)
    return prepare_query(query), prepare_query(query.where(JOBS.c.company_id == bindparam("company_id")))


RUNNING: Final = _prepare_active("running")
QUEUED: Final = _prepare_active("queued")


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs of a company a list is about. Every field that is given narrows it."""

    id_part: str | None = None
    statuses: frozenset[JobStatus] | None = None
    job_type: str | None = None
    source_task_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the filter as SQL, but for the part of an id."""
        found: list[ColumnElement[bool]] = []
        if self.statuses is not None:
            found.append(JOBS.c.status.in_(sorted(self.statuses)))
        if self.job_type is not None:
            found.append(JOBS.c.job_type == self.job_type)
        if self.source_task_id is not None:
            found.append(JOBS.c.source_task_id == self.source_task_id)
        if self.created_after is not None:
            found.append(JOBS.c.created_at > self.created_after)
        if self.created_before is not None:
            found.append(JOBS.c.created_at < self.created_before)
        return found


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job as it stands, and the cursors of the same moment: after `bounds.highest` comes what is not in it yet."""

    job: JobSummary
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Progression:
    """A job's status, and whether each attempt that it has had is over, by number; all of one moment."""

    status: JobStatus
    ended: dict[int, bool]

    @property
    def latest(self) -> int | None:
        """The number of the last attempt, None before the first."""
        return max(self.ended, default=None)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is, all of one moment."""

    jobs: dict[JobStatus, int]
    assets: int
    events: Bounds
    paused: list[QueuePause]


@dataclass(frozen=True, slots=True)
class Orphan:
    """A running job of an earlier life of the daemon. `process` is None when the crash came before it was noted."""

    claim: Claim
    process: ProcessIdentity | None


def find(connection: Connection, company_id: str, wanted: JobFilter, limit: int, cursor: str | None) -> JobList:
    """Return a page of jobs, newest first."""
    query = select(*SUMMARY_COLUMNS).where(*wanted.conditions())
    page = read_page(connection, JOBS, query, PageWanted(company_id, limit, cursor, wanted.id_part))
    return JobList(items=[to_summary(row) for row in page[:limit]], next_cursor=next_cursor(page, limit))


def get(connection: Connection, company_id: str, job_id: str) -> Job:
    """Return one job in full, but for its place in the queue, which `outlook` knows.

    Raises NotFound when this company has no such job.
    """
    query: Select[Any] = select(*SUMMARY_COLUMNS, JOBS.c.input).where(JOBS.c.id == job_id, JOBS.c.company_id == company_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no job {job_id} in this company")
    attempts = connection.execute(select(*ATTEMPT_COLUMNS).where(ATTEMPTS.c.job_id == job_id).order_by(ATTEMPTS.c.number))
    return Job(
        **dict(to_summary(row)),
        input=json.loads(row.input),
        attempts=[to_attempt(attempt) for attempt in attempts],
        assets=assets.of_job(connection, job_id),
    )


def get_snapshot(connection: Connection, company_id: str, job_id: str) -> Snapshot:
    """Return a job and the cursor to follow it from, of one and the same moment.

    Raises NotFound when this company has no such job.
    """
    query = select(*SUMMARY_COLUMNS).where(JOBS.c.id == job_id, JOBS.c.company_id == company_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no job {job_id} in this company")
    return Snapshot(to_summary(row), events.get_bounds(connection))


def get_progression(connection: Connection, company_id: str, job_id: str) -> Progression:
    """Return how far a job has come.

    Raises NotFound when this company has no such job.
    """
    row = connection.execute(select(JOBS.c.status).where(JOBS.c.id == job_id, JOBS.c.company_id == company_id)).first()
    if row is None:
        raise NotFound(f"there is no job {job_id} in this company")
    query = select(ATTEMPTS.c.number, ATTEMPTS.c.finished_at.is_not(None)).where(ATTEMPTS.c.job_id == job_id)
    return Progression(JobStatus(row.status), {number: bool(is_over) for number, is_over in connection.execute(query)})


def iter_active(connection: Connection, company_id: str | None) -> Iterator[JobSummary]:
    """Yield the jobs of a company, or of all, that are not over: those that run, then the queue in its order.

    One by one, since there may be thousands. It is all of one moment, like anything that is read from `connection`.
    """
    for query in RUNNING, QUEUED:
        # the times are the text of the API, which the model reads in a tenth of the time that SQLAlchemy takes for a row
        for row in iter_rows(connection, query[company_id is not None], {"company_id": company_id or ""}):
            yield JobSummary.model_validate(dict(zip(JobSummary.model_fields, row, strict=True)))


def find_orphans(connection: Connection) -> list[Orphan]:
    """Return every running job. Only to be asked before the pool starts, when each of them is an orphan."""
    columns = [
        JOBS.c.input,
        ATTEMPTS.c.id.label("attempt_id"),
        ATTEMPTS.c.boot_id,
        ATTEMPTS.c.pid,
        ATTEMPTS.c.pid_start_ticks,
    ]
    query = (
        select(*SUMMARY_COLUMNS, *columns)
        .join(ATTEMPTS, and_(ATTEMPTS.c.job_id == JOBS.c.id, ATTEMPTS.c.number == JOBS.c.attempt))
        .where(JOBS.c.status == "running")
    )
    return [
        Orphan(
            claim=Claim(to_summary(row), row.input, row.attempt_id),
            process=ProcessIdentity(row.boot_id, row.pid, row.pid_start_ticks) if row.pid is not None else None,
        )
        for row in connection.execute(query)
    ]


def count(connection: Connection) -> Counts:
    """Count jobs by state, assets that are not deleted, and events; and list the pauses."""
    query = select(JOBS.c.status, func.count().label("number")).group_by(JOBS.c.status)
    by_status = {row.status: row.number for row in connection.execute(query)}
    return Counts(
        jobs={status: by_status.get(status.value, 0) for status in JobStatus},
        assets=int(connection.execute(select(func.count()).where(ASSETS.c.deleted_at.is_(None))).scalar_one()),
        events=events.get_bounds(connection),
        paused=pauses.list_pauses(connection),
    )


def has_active_jobs(connection: Connection, job_types: Collection[str]) -> bool:
    """Tell whether any job runs, or one of these types is queued or waiting to be tried again."""
    can_start = and_(JOBS.c.status == "queued", JOBS.c.job_type.in_(job_types))
    query = select(JOBS.c.id).where(or_(JOBS.c.status == "running", can_start)).limit(1)
    return connection.execute(query).first() is not None
