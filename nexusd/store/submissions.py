"""The unit of work that makes jobs: idempotency, references and the first event, all in one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select

from nexusd.contract.events import EventType
from nexusd.contract.jobs import JobAccepted, JobSummary
from nexusd.domain.ids import new_id
from nexusd.domain.states import JobStatus
from nexusd.errors import IdempotencyConflict, InvalidParam, InvalidRequest
from nexusd.store import events
from nexusd.store.tables import ASSETS, JOBS, KEYS, REFERENCES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

INSERT: Final = insert(JOBS)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A submission that was found valid. `input` is its JSON text; `references` are (pointer, asset id) pairs in it."""

    job_type: str
    input: str
    references: Sequence[tuple[str, str]] = ()
    source_task_id: str | None = None
    priority: int = 0
    timeout_seconds: float | None = None
    max_attempts: int = 3


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
    jobs = [_summarise(company_id, new_job, now) for new_job in new_jobs]
    connection.execute(INSERT, [_to_row(job, new_job) for job, new_job in zip(jobs, new_jobs, strict=True)])
    _insert_references(connection, jobs, new_jobs)
    events.add_job_events(connection, EventType.JOB_QUEUED, jobs)
    if idempotency is not None:
        _insert_key(connection, company_id, idempotency, jobs, now)
    return [JobAccepted(job_id=job.id, status=job.status, created_at=job.created_at) for job in jobs]


def _summarise(company_id: str, new_job: NewJob, now: datetime) -> JobSummary:
    return JobSummary(
        id=new_id(),
        company_id=company_id,
        job_type=new_job.job_type,
        status=JobStatus.QUEUED,
        source_task_id=new_job.source_task_id,
        priority=new_job.priority,
        timeout_seconds=new_job.timeout_seconds,
        max_attempts=new_job.max_attempts,
        created_at=now,
        updated_at=now,
    )


def _to_row(job: JobSummary, new_job: NewJob) -> dict[str, Any]:
    return {
        "id": job.id,
        "company_id": job.company_id,
        "job_type": job.job_type,
        "status": "queued",
        "input": new_job.input,
        "source_task_id": job.source_task_id,
        "priority": job.priority,
        "timeout_seconds": job.timeout_seconds,
        "max_attempts": job.max_attempts,
        "attempt": 0,
        "attempts_used": 0,
        "crashes": 0,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
    }


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


def _insert_key(
    connection: Connection, company_id: str, idempotency: Idempotency, jobs: Sequence[JobSummary], now: datetime
) -> None:
    row = {
        "company_id": company_id,
        "route": idempotency.route,
        "key": idempotency.key,
        "body_sha256": idempotency.body_sha256,
        "job_id": jobs[0].id,
        "job_ids": json.dumps([job.id for job in jobs]),
        "created_at": now,
    }
    connection.execute(insert(KEYS), row)


def _refuse_missing_assets(connection: Connection, company_id: str, new_jobs: Sequence[NewJob]) -> None:
    wanted = {asset_id for new_job in new_jobs for _, asset_id in new_job.references}
    if not wanted:
        return
    query = select(ASSETS.c.id).where(
        ASSETS.c.id.in_(sorted(wanted)), ASSETS.c.company_id == company_id, ASSETS.c.deleted_at.is_(None)
    )
    missing = wanted - set(connection.execute(query).scalars())
    params = tuple(
        InvalidParam(pointer, f"there is no asset {asset_id} in this company")
        for new_job in new_jobs
        for pointer, asset_id in new_job.references
        if asset_id in missing
    )
    if params:
        raise InvalidRequest("the input names an asset that does not exist; upload it first", params)


def _insert_references(connection: Connection, jobs: Sequence[JobSummary], new_jobs: Sequence[NewJob]) -> None:
    rows = [
        {"job_id": job.id, "asset_id": asset_id}
        for job, new_job in zip(jobs, new_jobs, strict=True)
        for asset_id in dict.fromkeys(asset_id for _, asset_id in new_job.references)
    ]
    if rows:
        connection.execute(insert(REFERENCES), rows)
