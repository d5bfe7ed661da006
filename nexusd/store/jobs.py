"""Units of work that move a job through its life.

Every transition is a compare-and-set on (id, status, attempt): one row, or nothing happens and None comes back. Its event
row is written by the same unit. The legal moves are those of `domain.states`; a trigger in the schema refuses all others.
`_swap` is the only function that changes a status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select, update

from nexusd.contract.events import EventType, ProgressEvent
from nexusd.contract.jobs import CancelAnswer, JobSummary
from nexusd.domain.ids import new_id
from nexusd.domain.states import Action, ErrorCode, JobStatus, advance
from nexusd.errors import AlreadyFinished, NotFound
from nexusd.store import assets, events
from nexusd.store.rows import SUMMARY_COLUMNS, to_summary
from nexusd.store.tables import ATTEMPTS, JOBS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from nexusd.contract.assets import Asset

MESSAGE_MAX_LENGTH: Final = 4000


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one attempt: what every later unit of the attempt names."""

    job: JobSummary
    input: str
    attempt_id: str

    @property
    def fence(self) -> tuple[str, int]:
        """(job id, attempt number): what a transition of this attempt compares."""
        return self.job.id, self.job.attempt


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process for ever: pids are used again, but not with the same start time in the same boot."""

    boot_id: str
    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended. `outcome` is done, cancelled, released or an ErrorCode."""

    outcome: str
    message: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None


def claim(connection: Connection, job_id: str, now: datetime) -> Claim | None:
    """Start the next attempt of a queued job; None when something was faster, a cancel for example."""
    found = connection.execute(select(JOBS.c.attempt, JOBS.c.input).where(JOBS.c.id == job_id)).one()
    values = {
        "attempt": found.attempt + 1,
        "started_at": now,
        "progress": None,
        "progress_message": None,
        "available_at": None,
    }
    job = _move(connection, (job_id, found.attempt), (JobStatus.QUEUED, Action.CLAIM), values, now)
    if job is None:
        return None
    attempt_id = new_id()
    connection.execute(insert(ATTEMPTS), [{"id": attempt_id, "job_id": job_id, "number": job.attempt, "started_at": now}])
    return Claim(job, found.input, attempt_id)


def record_process(connection: Connection, attempt_id: str, process: ProcessIdentity) -> None:
    """Note which process carries the attempt, so that a later life of the daemon can find it."""
    connection.execute(
        update(ATTEMPTS)
        .where(ATTEMPTS.c.id == attempt_id)
        .values(boot_id=process.boot_id, pid=process.pid, pid_start_ticks=process.start_ticks)
    )


def report_progress(connection: Connection, claim: Claim, progress: float, message: str | None, now: datetime) -> bool:
    """Note a step of the live attempt; False when the attempt is not the live one any more."""
    job_id, attempt = claim.fence
    changed = connection.execute(
        update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.status == "running", JOBS.c.attempt == attempt)
        .values(progress=progress, progress_message=message, updated_at=now)
    ).rowcount
    if changed:
        event = ProgressEvent(
            company_id=claim.job.company_id, job_id=job_id, created_at=now, attempt=attempt, progress=progress, message=message
        )
        events.add_progress_event(connection, event)
    return bool(changed)


def finish(connection: Connection, claim: Claim, end: AttemptEnd, results: Sequence[Asset], now: datetime) -> JobSummary | None:
    """End the attempt as done with `results`, the first of which is the result; None, and no asset row, when it is stale."""
    values = {
        "result_asset_id": results[0].id,
        "progress": 1.0,
        "finished_at": now,
        "attempts_used": JOBS.c.attempts_used + 1,
        "crashes": 0,
    }
    job = _swap(connection, claim.fence, (JobStatus.RUNNING, Action.FINISH), values, now)
    if job is not None:
        for asset in results:
            assets.add(connection, asset)
        events.add_job_events(connection, EventType.JOB_DONE, [job])
        _end_attempt(connection, claim.attempt_id, end, now)
    return job


def fail(
    connection: Connection, claim: Claim, end: AttemptEnd, code: ErrorCode, counted: bool, now: datetime
) -> JobSummary | None:
    """End the attempt and the job with it; None when it is stale."""
    values = {
        "error_code": code.value,
        "error_message": _shorten(end.message),
        "finished_at": now,
        "attempts_used": JOBS.c.attempts_used + int(counted),
    }
    return _end(connection, claim, (JobStatus.RUNNING, Action.FAIL), end, values, now)


def cancel(connection: Connection, claim: Claim, end: AttemptEnd, now: datetime) -> JobSummary | None:
    """End the attempt and the job as cancelled; None when it is stale."""
    return _end(connection, claim, (JobStatus.RUNNING, Action.CANCEL), end, {"finished_at": now}, now)


def release(connection: Connection, claim: Claim, end: AttemptEnd, crashed: bool, now: datetime) -> JobSummary | None:
    """Put the job back uncounted: the daemon stopped, or `crashed`; None when it is stale."""
    values = {"crashes": JOBS.c.crashes + 1 if crashed else 0, "progress": None, "progress_message": None}
    return _end(connection, claim, (JobStatus.RUNNING, Action.RELEASE), end, values, now)


def requeue(connection: Connection, claim: Claim, end: AttemptEnd, available_at: datetime, now: datetime) -> JobSummary | None:
    """Put the job back to be tried again at `available_at`, the attempt counted; None when it is stale."""
    values = {
        "available_at": available_at,
        "attempts_used": JOBS.c.attempts_used + 1,
        "crashes": 0,
        "progress": None,
        "progress_message": None,
    }
    return _end(connection, claim, (JobStatus.RUNNING, Action.REQUEUE), end, values, now)


def reject(connection: Connection, job: JobSummary, code: ErrorCode, message: str, now: datetime) -> JobSummary | None:
    """Fail a queued job that can never start; None when it is not queued any more."""
    values = {"error_code": code.value, "error_message": _shorten(message), "finished_at": now}
    return _move(connection, (job.id, job.attempt), (JobStatus.QUEUED, Action.REJECT), values, now)


def request_cancel(connection: Connection, company_id: str, job_id: str, now: datetime) -> CancelAnswer:
    """Cancel a queued job at once; ask the attempt of a running one to end.

    Raises NotFound, or AlreadyFinished with how the job ended.
    """
    query = select(*SUMMARY_COLUMNS).where(JOBS.c.id == job_id, JOBS.c.company_id == company_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no job {job_id} in this company")
    job = to_summary(row)
    if job.status.is_terminal:
        raise AlreadyFinished(f"job {job_id} is {job.status} already", job.status.value)
    if job.status is JobStatus.QUEUED:
        values = {"cancel_requested_at": now, "finished_at": now}
        _move(connection, (job.id, job.attempt), (JobStatus.QUEUED, Action.CANCEL), values, now)
        return CancelAnswer(job_id=job_id, outcome="cancelled", status=JobStatus.CANCELLED)
    if job.cancel_requested_at is None:
        _mark_cancelling(connection, job_id, now)
    return CancelAnswer(job_id=job_id, outcome="cancelling", status=job.status)


def _mark_cancelling(connection: Connection, job_id: str, now: datetime) -> None:
    row = connection.execute(
        update(JOBS).where(JOBS.c.id == job_id).values(cancel_requested_at=now, updated_at=now).returning(*SUMMARY_COLUMNS)
    ).one()
    events.add_job_events(connection, EventType.JOB_CANCELLING, [to_summary(row)])


def _end(
    connection: Connection,
    claim: Claim,
    step: tuple[JobStatus, Action],
    end: AttemptEnd,
    values: dict[str, Any],
    now: datetime,
) -> JobSummary | None:
    job = _move(connection, claim.fence, step, values, now)
    if job is not None:
        _end_attempt(connection, claim.attempt_id, end, now)
    return job


def _move(
    connection: Connection, fence: tuple[str, int], step: tuple[JobStatus, Action], values: dict[str, Any], now: datetime
) -> JobSummary | None:
    job = _swap(connection, fence, step, values, now)
    if job is not None:
        events.add_job_events(connection, events.type_for(job.status), [job])
    return job


def _swap(
    connection: Connection, fence: tuple[str, int], step: tuple[JobStatus, Action], values: dict[str, Any], now: datetime
) -> JobSummary | None:
    (job_id, attempt), (status, action) = fence, step
    row = connection.execute(
        update(JOBS)
        .where(JOBS.c.id == job_id, JOBS.c.status == status.value, JOBS.c.attempt == attempt)
        .values(status=advance(status, action).value, updated_at=now, **values)
        .returning(*SUMMARY_COLUMNS)
    ).first()
    return None if row is None else to_summary(row)


def _end_attempt(connection: Connection, attempt_id: str, end: AttemptEnd, now: datetime) -> None:
    connection.execute(
        update(ATTEMPTS)
        .where(ATTEMPTS.c.id == attempt_id, ATTEMPTS.c.finished_at.is_(None))
        .values(
            outcome=end.outcome,
            message=_shorten(end.message),
            finished_at=now,
            exit_code=end.exit_code,
            signal=end.signal,
            peak_memory_bytes=end.peak_memory_bytes,
            cpu_seconds=end.cpu_seconds,
        )
    )


def _shorten(message: str | None) -> str | None:
    if message is None or len(message) <= MESSAGE_MAX_LENGTH:
        return message
    return message[: MESSAGE_MAX_LENGTH - 1] + "…"
