"""Units of work that move a job through its life.

Every transition is a compare-and-set on (id, status, attempt): one row, or nothing happens and None comes back. Its event
row is written by the same unit. The legal moves are those of `domain.states`; a trigger in the schema refuses all others.
`_swap` is the only function that changes a status.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select, update

from nexusd.contract.base import format_time
from nexusd.contract.events import EventType, ProgressEvent
from nexusd.contract.jobs import CancelAnswer, JobSummary
from nexusd.domain.ids import new_id
from nexusd.domain.retry import Cancel, Crashed, Decision, Fail, Failed, Finish, History, Outcome, Requeue, SpawnFailed, decide
from nexusd.domain.states import Action, ErrorCode, JobStatus, advance
from nexusd.errors import AlreadyFinished, NotFound
from nexusd.store import assets, events
from nexusd.store.rows import SUMMARY_COLUMNS, to_summary
from nexusd.store.statements import insert_rows, prepare_insert, prepare_query, read_rows
from nexusd.store.tables import ATTEMPTS, JOBS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from nexusd.contract.assets import Asset

MESSAGE_MAX_LENGTH: Final = 4000

# Built once: putting a statement together takes SQLAlchemy longer than running it. The columns that an UPDATE sets are those
# it is given; what it looks for has names of its own.
FIND: Final = prepare_query(select(JOBS.c.attempt, JOBS.c.input).where(JOBS.c.id == bindparam("the_id")))
RECALL: Final = select(JOBS.c.attempts_used, JOBS.c.max_attempts, JOBS.c.crashes, JOBS.c.cancel_requested_at).where(
    JOBS.c.id == bindparam("the_id")
)
SWAP: Final = (
    update(JOBS)
    .where(
        JOBS.c.id == bindparam("the_id"), JOBS.c.status == bindparam("the_status"), JOBS.c.attempt == bindparam("the_attempt")
    )
    .returning(*SUMMARY_COLUMNS)
)
STEP: Final = update(JOBS).where(
    JOBS.c.id == bindparam("the_id"), JOBS.c.status == "running", JOBS.c.attempt == bindparam("the_attempt")
)
BEGIN_ATTEMPT: Final = prepare_insert(ATTEMPTS, ("id", "job_id", "number", "started_at"))
IDENTIFY_ATTEMPT: Final = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("the_id"))
END_ATTEMPT: Final = update(ATTEMPTS).where(ATTEMPTS.c.id == bindparam("the_id"), ATTEMPTS.c.finished_at.is_(None))


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
class Usage:
    """What the operating system said of an attempt's process. `signal` is set when one ended it."""

    exit_code: int | None = None
    signal: int | None = None
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None


UNKNOWN_USAGE: Final = Usage()


def claim(connection: Connection, job_id: str, now: datetime) -> Claim | None:
    """Start the next attempt of a queued job; None when something was faster, a cancel for example."""
    [(attempt, job_input)] = read_rows(connection, FIND, {"the_id": job_id})
    values = {
        "attempt": attempt + 1,
        "started_at": now,
        "progress": None,
        "progress_message": None,
        "available_at": None,
    }
    job = _move(connection, (job_id, attempt), (JobStatus.QUEUED, Action.CLAIM), values, now)
    if job is None:
        return None
    attempt_id = new_id()
    insert_rows(connection, BEGIN_ATTEMPT, [(attempt_id, job_id, job.attempt, format_time(now))])
    return Claim(job, job_input, attempt_id)


def record_process(connection: Connection, attempt_id: str, process: ProcessIdentity, containment: str | None = None) -> None:
    """Note which process carries the attempt, so that a later life of the daemon can find it, and how it is held."""
    values = {"boot_id": process.boot_id, "pid": process.pid, "pid_start_ticks": process.start_ticks}
    connection.execute(IDENTIFY_ATTEMPT, {"the_id": attempt_id, "containment": containment, **values})


def report_progress(connection: Connection, claim: Claim, progress: float, message: str | None, now: datetime) -> bool:
    """Note a step of the live attempt; False when the attempt is not the live one any more."""
    job_id, attempt = claim.fence
    values = {"progress": progress, "progress_message": message, "updated_at": now}
    changed = connection.execute(STEP, {"the_id": job_id, "the_attempt": attempt, **values}).rowcount
    if changed:
        event = ProgressEvent(
            company_id=claim.job.company_id, job_id=job_id, created_at=now, attempt=attempt, progress=progress, message=message
        )
        events.add_progress_event(connection, event)
    return bool(changed)


def settle(
    connection: Connection,
    claim: Claim,
    outcome: Outcome,
    usage: Usage,
    results: Sequence[Asset],
    random: float,
    now: datetime,
    carrier: tuple[ProcessIdentity, str] | None = None,
) -> JobSummary | None:
    """End the attempt, and do with the job what `domain.retry` decides; None, and nothing stored, when it is stale.

    `results` are the assets of an attempt that is Done, the result first. The decision is made here because only the
    transaction knows whether a cancel was asked for just now. `random` is in [0, 1). `carrier` is what `record_process` takes,
    if the attempt was over before that was called.
    """
    history = connection.execute(RECALL, {"the_id": claim.job.id}).one()
    known = History(
        history.attempts_used, history.max_attempts, history.crashes, cancel_requested=history.cancel_requested_at is not None
    )
    decision = decide(outcome, known, random)
    values = _values_after(decision, results, now) | {"attempts_used": history.attempts_used + decision.counts_attempt}
    job = _swap(connection, claim.fence, (JobStatus.RUNNING, decision.action), values, now)
    if job is None:
        return None
    for asset in results:
        assets.add(connection, asset)
    events.add_job_events(connection, events.type_for(job.status), [job])
    if carrier is not None:
        record_process(connection, claim.attempt_id, *carrier)
    _end_attempt(connection, claim.attempt_id, outcome, usage, now)
    return job


def settle_orphans(connection: Connection, claims: Sequence[Claim], randoms: Sequence[float], now: datetime) -> None:
    """End the attempts of an earlier life of the daemon; one unit, so that the shortest write queue has room for them."""
    for claim, random in zip(claims, randoms, strict=True):
        settle(connection, claim, Crashed(), UNKNOWN_USAGE, (), random, now)


def _values_after(decision: Decision, results: Sequence[Asset], now: datetime) -> dict[str, Any]:
    match decision:
        case Finish():
            return {"result_asset_id": results[0].id, "progress": 1.0, "finished_at": now, "crashes": 0}
        case Cancel():
            return {"finished_at": now}
        case Fail(code, message, crashes=crashes):
            return {"error_code": code.value, "error_message": _shorten(message), "finished_at": now, "crashes": crashes}
        case Requeue(delay_seconds, crashes=crashes):
            later = now + timedelta(seconds=delay_seconds) if delay_seconds else None
            return {"available_at": later, "progress": None, "progress_message": None, "crashes": crashes}


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
    wanted = {"the_id": job_id, "the_status": status.value, "the_attempt": attempt}
    row = connection.execute(SWAP, {**wanted, "status": advance(status, action).value, "updated_at": now, **values}).first()
    return None if row is None else to_summary(row)


def _end_attempt(connection: Connection, attempt_id: str, outcome: Outcome, usage: Usage, now: datetime) -> None:
    name, message = _describe(outcome)
    values = {"outcome": name, "message": _shorten(message), "finished_at": now} | asdict(usage)
    connection.execute(END_ATTEMPT, {"the_id": attempt_id, **values})


def _describe(outcome: Outcome) -> tuple[str, str | None]:
    match outcome:
        case Failed(code, message):
            return code.value, message
        case SpawnFailed(message):
            return ErrorCode.INTERNAL.value, message
        case _:
            return type(outcome).__name__.lower(), None


def _shorten(message: str | None) -> str | None:
    """Cut to what a row holds; a file name of broken bytes, say, must not keep an outcome from being stored."""
    if message is None:
        return None
    sound = message.encode("utf-8", "replace").decode()
    return sound if len(sound) <= MESSAGE_MAX_LENGTH else sound[: MESSAGE_MAX_LENGTH - 1] + "…"
