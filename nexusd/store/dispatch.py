"""What the pool does at every look: claim what may start, and learn who was asked to end.

Choosing and claiming are one unit of work: what is chosen cannot change before it is claimed, no pause can come in between, and
a job is one hand-over to the writer away from its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, literal_column, or_, select

from nexusd.contract.base import format_time
from nexusd.domain.schedule import QueuedJob, choose
from nexusd.store import jobs
from nexusd.store.pauses import find_pauses
from nexusd.store.statements import prepare_query, read_rows
from nexusd.store.tables import COMPANIES, JOBS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from nexusd.domain.schedule import Limits, RunningJob
    from nexusd.store.jobs import Claim

COMPANY_IDS: Final = prepare_query(select(COMPANIES.c.id))
HEADS: Final = prepare_query(
    select(JOBS.c.id, JOBS.c.company_id, JOBS.c.job_type, JOBS.c.priority)
    .where(
        JOBS.c.status == literal_column("'queued'"),
        JOBS.c.company_id == bindparam("company_id"),
        JOBS.c.job_type == bindparam("job_type"),
        or_(JOBS.c.available_at.is_(None), JOBS.c.available_at <= bindparam("now")),
    )
    .order_by(JOBS.c.priority.desc(), JOBS.c.id)
    .limit(bindparam("count"))
    .offset(literal_column("0"))  # else SQLAlchemy adds one that is a parameter
)
NEXT_AVAILABLE: Final = prepare_query(
    select(func.min(JOBS.c.available_at)).where(
        JOBS.c.status == literal_column("'queued'"), JOBS.c.available_at.is_not(None), JOBS.c.available_at > bindparam("now")
    )
)
CANCEL_REQUESTS: Final = prepare_query(
    select(JOBS.c.id).where(JOBS.c.status == literal_column("'running'"), JOBS.c.cancel_requested_at.is_not(None))
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look came to: the attempts to run now, when the next job that backs off may start, and who was cancelled."""

    claims: list[Claim]
    next_available_at: datetime | None
    cancel_requests: list[str]


def take_turn(
    connection: Connection, job_types: Sequence[str], running: Sequence[RunningJob], limits: Limits, now: datetime
) -> Turn:
    """Claim the jobs of these types that may start at `now` beside those that run; none of a type that is paused."""
    heads = queue_heads(connection, _without_paused(connection, job_types), limits.free_slots(running), now)
    claims = [jobs.claim(connection, job.id, now) for job in choose(heads, running, limits)]
    return Turn(
        claims=[claim for claim in claims if claim is not None],
        next_available_at=find_next_available_at(connection, now),
        cancel_requests=find_cancel_requests(connection),
    )


def _without_paused(connection: Connection, job_types: Sequence[str]) -> Sequence[str]:
    paused = {pause.job_type for pause in find_pauses(connection)}
    return [] if None in paused else [job_type for job_type in job_types if job_type not in paused]


def queue_heads(connection: Connection, job_types: Sequence[str], count: int, now: datetime) -> list[QueuedJob]:
    """Return the first `count` jobs of each company and job type that may start at `now`.

    As many as there are free slots are all that a choice can need.
    """
    return [
        QueuedJob(*row)
        for (company_id,) in read_rows(connection, COMPANY_IDS, {})
        for job_type in job_types
        for row in read_rows(
            connection, HEADS, {"company_id": company_id, "job_type": job_type, "now": format_time(now), "count": count}
        )
    ]


def find_next_available_at(connection: Connection, now: datetime) -> datetime | None:
    """Return when the next job that backs off may start; None when none does."""
    [(moment,)] = read_rows(connection, NEXT_AVAILABLE, {"now": format_time(now)})
    return None if moment is None else datetime.fromisoformat(moment)


def find_cancel_requests(connection: Connection) -> list[str]:
    """Return the ids of the running jobs that were asked to end."""
    return [job_id for (job_id,) in read_rows(connection, CANCEL_REQUESTS, {})]
