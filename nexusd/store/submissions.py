"""The unit of work that makes jobs: idempotency, references and the first event, all in one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, insert, select

from nexusd.contract.base import format_time
from nexusd.contract.events import EventType
from nexusd.contract.jobs import JobAccepted, JobSummary
from nexusd.contract.validation import PARAMS_MAX
from nexusd.domain.ids import new_id
from nexusd.domain.states import JobStatus
from nexusd.errors import IdempotencyConflict, InvalidParam, InvalidRequest
from nexusd.store import events
from nexusd.store.statements import insert_rows, prepare_insert
from nexusd.store.tables import ASSETS, JOBS, KEYS, REFERENCES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

COLUMNS: Final = (
    "id",
    "company_id",
    "status",
    "input",
    "created_at",
    "updated_at",
    "attempt",
    "attempts_used",
    "crashes",
    "job_type",
    "source_task_id",
    "priority",
    "timeout_seconds",
    "max_attempts",
    "retry_of",
)
INSERT: Final = prepare_insert(JOBS, COLUMNS)
Traits = tuple[str, str | None, int, float | None, int, str | None]


@dataclass(frozen=True, slots=True)
class NewJob:
    """A submission that was found valid. `input` is its JSON text; `references` are (pointer, asset id) pairs in it.

    `retry_of` is the id of the job that it repeats.
    """

    job_type: str
    input: str
    references: Sequence[tuple[str, str]] = ()
    source_task_id: str | None = None
    priority: int = 0
    timeout_seconds: float | None = None
    max_attempts: int = 3
    retry_of: str | None = None

    @property
    def traits(self) -> Traits:
        """What events tell of it: the last of COLUMNS."""
        return self.job_type, self.source_task_id, self.priority, self.timeout_seconds, self.max_attempts, self.retry_of


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A key and the hash of the body it came with. `route` names the route it is unique in."""

    route: str
    key: str
    body_sha256: str


def create(
    connection: Connection, company_id: str, new_jobs: Sequence[NewJob], idempotency: Idempotency | None, now: datetime
) -> list[JobAccepted]:
    """Store the jobs, all or none, with their events; or find those that the key stands for.

    Raises IdempotencyConflict, or InvalidRequest naming each referenced asset that this company does not have.
    """
    if idempotency is not None and (known := _find_by_key(connection, company_id, idempotency)):
        return known
    _refuse_missing_assets(connection, company_id, new_jobs)
    jobs = [(new_id(), new_job) for new_job in new_jobs]
    at, status = format_time(now), JobStatus.QUEUED.value
    rows = [(job_id, company_id, status, job.input, at, at, 0, 0, 0, *job.traits) for job_id, job in jobs]
    insert_rows(connection, INSERT, rows)
    _insert_references(connection, jobs)
    events.add_twin_events(connection, EventType.JOB_QUEUED, _find_twins(company_id, jobs, now))
    ids = [job_id for job_id, _ in jobs]
    if idempotency is not None:
        _insert_key(connection, company_id, idempotency, ids, now)
    return [JobAccepted(job_id=job_id, status=JobStatus.QUEUED, created_at=now) for job_id in ids]


def _find_twins(company_id: str, jobs: Sequence[tuple[str, NewJob]], now: datetime) -> Iterator[tuple[str, JobSummary]]:
    """Yield the id of each job, and the first job of its kind."""
    firsts: dict[Traits, JobSummary] = {}
    for job_id, new_job in jobs:
        if new_job.traits not in firsts:
            firsts[new_job.traits] = _summarise(company_id, job_id, new_job, now)
        yield job_id, firsts[new_job.traits]


def _summarise(company_id: str, job_id: str, new_job: NewJob, now: datetime) -> JobSummary:
    return JobSummary(
        id=job_id,
        company_id=company_id,
        job_type=new_job.job_type,
        status=JobStatus.QUEUED,
        source_task_id=new_job.source_task_id,
        priority=new_job.priority,
        timeout_seconds=new_job.timeout_seconds,
        max_attempts=new_job.max_attempts,
        retry_of=new_job.retry_of,
        created_at=now,
        updated_at=now,
    )


def _find_by_key(connection: Connection, company_id: str, idempotency: Idempotency) -> list[JobAccepted] | None:
    found = connection.execute(
        select(KEYS.c.body_sha256, KEYS.c.job_ids).where(
            KEYS.c.company_id == company_id, KEYS.c.route == idempotency.route, KEYS.c.key == idempotency.key
        )
    ).first()
    if found is None:
        return None
    if found.body_sha256 != idempotency.body_sha256:
        raise IdempotencyConflict("this Idempotency-Key was used with another body; use a new key for a new request")
    ids: list[str] = json.loads(found.job_ids)
    rows = connection.execute(select(JOBS.c.id, JOBS.c.status, JOBS.c.created_at).where(JOBS.c.id.in_(ids))).all()
    by_id = {row.id: JobAccepted(job_id=row.id, status=row.status, created_at=row.created_at) for row in rows}
    return [by_id[job_id] for job_id in ids if job_id in by_id]


def _insert_key(connection: Connection, company_id: str, idempotency: Idempotency, ids: Sequence[str], now: datetime) -> None:
    row = {
        "company_id": company_id,
        "route": idempotency.route,
        "key": idempotency.key,
        "body_sha256": idempotency.body_sha256,
        "job_id": ids[0],
        "job_ids": json.dumps(ids),
        "created_at": now,
    }
    connection.execute(insert(KEYS), row)


def _refuse_missing_assets(connection: Connection, company_id: str, new_jobs: Sequence[NewJob]) -> None:
    wanted = {asset_id for new_job in new_jobs for _, asset_id in new_job.references}
    if not wanted:
        return
    # as one JSON text: a batch may name more assets than a statement can have variables
    named = select(func.json_each(json.dumps(sorted(wanted))).table_valued("value").c.value)
    query = select(ASSETS.c.id).where(ASSETS.c.id.in_(named), ASSETS.c.company_id == company_id, ASSETS.c.deleted_at.is_(None))
    missing = wanted - set(connection.execute(query).scalars())
    if missing:
        wrong = (
            InvalidParam(pointer, f"there is no asset {asset_id} in this company")
            for new_job in new_jobs
            for pointer, asset_id in new_job.references
            if asset_id in missing
        )
        raise InvalidRequest("the input names an asset that does not exist; upload it first", tuple(islice(wrong, PARAMS_MAX)))


def _insert_references(connection: Connection, jobs: Sequence[tuple[str, NewJob]]) -> None:
    rows = [
        {"job_id": job_id, "asset_id": asset_id}
        for job_id, new_job in jobs
        for asset_id in dict.fromkeys(asset_id for _, asset_id in new_job.references)
    ]
    if rows:
        connection.execute(insert(REFERENCES), rows)
