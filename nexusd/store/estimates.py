"""When a queued job may start, when a running one may end, and when the queue is worked off: estimates, or nothing.

Brings what `outlook` saw, and what jobs of each type took lately, to `domain.estimate`, which does the reckoning.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, literal_column, select

from nexusd.domain.estimate import Work, find_empty, find_start, usual_seconds
from nexusd.domain.states import JobStatus
from nexusd.store.outlook import IS_QUEUED, get_with_outlook, look
from nexusd.store.statements import prepare_query, read_rows
from nexusd.store.tables import JOBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from nexusd.contract.jobs import Job, JobSummary
    from nexusd.store.outlook import Circumstances, Outlook

SAMPLES: Final = 20
"""How many of the jobs of a type that were done last say what one usually takes."""
BACKING_OFF: Final = prepare_query(
    select(JOBS.c.job_type, func.max(JOBS.c.available_at))
    .where(IS_QUEUED, JOBS.c.available_at.is_not(None))
    .group_by(JOBS.c.job_type)
)
LAST_DONE: Final = prepare_query(
    select(JOBS.c.started_at, JOBS.c.finished_at)
    .where(JOBS.c.status == literal_column("'done'"), JOBS.c.job_type == bindparam("job_type"))
    .order_by(JOBS.c.finished_at.desc())
    .limit(literal_column(str(SAMPLES)))
    .offset(literal_column("0"))  # else SQLAlchemy adds one that is a parameter
)


def get_job(connection: Connection, company_id: str, job_id: str, circumstances: Circumstances, now: datetime) -> Job:
    """Return one job in full, with its place in the queue, and when it may start and end.

    Raises NotFound when this company has no such job.
    """
    job, outlook = get_with_outlook(connection, company_id, job_id, circumstances)
    if outlook is not None:
        start, finish = _estimate_start(connection, job, outlook, now)
        return job.model_copy(update={"estimated_start_at": start, "estimated_finish_at": finish})
    if job.status is JobStatus.RUNNING:
        return job.model_copy(update={"estimated_finish_at": _estimate_finish(connection, job, now)})
    return job


def estimate_empty(connection: Connection, circumstances: Circumstances, now: datetime) -> tuple[int, datetime | None]:
    """Return how many jobs are queued, and when all of them will have ended; None when nobody knows, or none is queued."""
    outlook = look(connection, circumstances)
    if not outlook.ahead:
        return 0, None
    usual = _usual(connection, [*(each.holder.job_type for each in outlook.running), *(w.job_type for w in outlook.ahead)])
    running, queued = _works(outlook, usual, now)
    seconds = find_empty(running, queued, outlook.rules)
    if seconds is None:
        return outlook.ahead_count, None
    after_back_off = [
        datetime.fromisoformat(available_at) + timedelta(seconds=usual[job_type] or 0)
        for job_type, available_at in read_rows(connection, BACKING_OFF, {})
    ]
    return outlook.ahead_count, _whole_seconds(max([now + timedelta(seconds=seconds), *after_back_off]))


def _estimate_finish(connection: Connection, job: JobSummary, now: datetime) -> datetime | None:
    usual = _usual(connection, [job.job_type])[job.job_type]
    if usual is None or job.started_at is None:
        return None
    finish = _whole_seconds(job.started_at + timedelta(seconds=usual))
    return finish if finish > now else None


def _estimate_start(
    connection: Connection, job: JobSummary, outlook: Outlook, now: datetime
) -> tuple[datetime | None, datetime | None]:
    if not outlook.rules.may_start(job.job_type):
        return None, None
    in_the_way = [*(each.holder.job_type for each in outlook.running), *(waiting.job_type for waiting in outlook.ahead)]
    usual = _usual(connection, [job.job_type, *in_the_way])
    running, ahead = _works(outlook, usual, now)
    own = usual[job.job_type]
    seconds = find_start(Work(job.company_id, job.job_type, own), running, ahead, outlook.rules)
    if seconds is None:
        return None, None
    start = max(now + timedelta(seconds=seconds), job.available_at or now)
    return _whole_seconds(start), None if own is None else _whole_seconds(start + timedelta(seconds=own))


def _works(outlook: Outlook, usual: Mapping[str, float | None], now: datetime) -> tuple[list[Work], list[Work]]:
    running = []
    for each in outlook.running:
        seconds = usual[each.holder.job_type]
        left = None if seconds is None else seconds - (now - each.started_at).total_seconds()
        running.append(Work(each.holder.company_id, each.holder.job_type, left))
    ahead = [Work(waiting.company_id, waiting.job_type, usual[waiting.job_type], waiting.count) for waiting in outlook.ahead]
    return running, ahead


def _usual(connection: Connection, job_types: Iterable[str]) -> dict[str, float | None]:
    """Return what jobs of these types usually take; a retried job counts by its last attempt, the one that was done."""
    found = {}
    for job_type in set(job_types):
        rows = read_rows(connection, LAST_DONE, {"job_type": job_type})
        spans = [datetime.fromisoformat(end) - datetime.fromisoformat(start) for start, end in rows]
        found[job_type] = usual_seconds([max(0.0, span.total_seconds()) for span in spans])
    return found


def _whole_seconds(moment: datetime) -> datetime:
    """An estimate does not know milliseconds."""
    return moment.replace(microsecond=0) + timedelta(seconds=moment.microsecond > 0)
