"""What lies ahead of a job: who runs, who waits before it, and under which rules. What follows, others say.

Cost: however long the queue is, SQLite counts it by company and job type in one pass along the index `content_jobs_queue`,
which takes 25 ms for 100,000 jobs; only the counts come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, bindparam, func, literal_column, or_, select

from nexusd.domain.reasons import Holder
from nexusd.domain.rules import Rules
from nexusd.domain.states import JobStatus
from nexusd.store import queries
from nexusd.store.pauses import find_pauses
from nexusd.store.statements import prepare_query, read_rows
from nexusd.store.tables import JOBS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from nexusd.contract.jobs import Job, JobSummary
    from nexusd.domain.schedule import Limits

IS_QUEUED: Final = JOBS.c.status == literal_column("'queued'")  # spelled out: only so may SQLite use the index of the queue


def _count_queued(*conditions: ColumnElement[bool]) -> str:
    groups = (JOBS.c.company_id, JOBS.c.job_type)  # one column more makes it four times as slow: it is not in the index
    return prepare_query(select(*groups, func.count()).where(IS_QUEUED, *conditions).group_by(*groups))


QUEUED: Final = _count_queued()
AHEAD: Final = _count_queued(
    or_(
        JOBS.c.priority > bindparam("priority"),
        and_(JOBS.c.priority == bindparam("priority"), JOBS.c.id < bindparam("the_id")),
    )
)
RUNNING: Final = prepare_query(
    select(JOBS.c.id, JOBS.c.company_id, JOBS.c.job_type, JOBS.c.started_at)
    .where(JOBS.c.status == literal_column("'running'"))
    .order_by(JOBS.c.id)
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the database does not know: the limits in force, and which job types have a renderer."""

    limits: Limits
    job_types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs, since when."""

    holder: Holder
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """The queued jobs of one company and type."""

    company_id: str
    job_type: str
    count: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """All of one moment: what runs, and what waits ahead of a job, or altogether."""

    running: Sequence[Running]
    ahead: Sequence[Waiting]
    rules: Rules

    @property
    def ahead_count(self) -> int:
        """How many jobs are ahead."""
        return sum(waiting.count for waiting in self.ahead)


def gather_rules(connection: Connection, circumstances: Circumstances) -> Rules:
    """Return the rules of this moment. The one place that knows where limits and pauses come from."""
    return Rules(circumstances.limits, circumstances.job_types, find_pauses(connection))


def look(connection: Connection, circumstances: Circumstances, job: JobSummary | None = None) -> Outlook:
    """Return what runs, and what waits ahead of `job`; without one, all that waits."""
    parameters: dict[str, str | int] = {} if job is None else {"priority": job.priority, "the_id": job.id}
    rows = read_rows(connection, QUEUED if job is None else AHEAD, parameters)
    return Outlook(
        running=[
            Running(Holder(job_id, company_id, job_type), datetime.fromisoformat(started_at))
            for job_id, company_id, job_type, started_at in read_rows(connection, RUNNING, {})
        ],
        ahead=[Waiting(*row) for row in rows],
        rules=gather_rules(connection, circumstances),
    )


def get_with_outlook(
    connection: Connection, company_id: str, job_id: str, circumstances: Circumstances
) -> tuple[Job, Outlook | None]:
    """Return one job in full and, while it is queued, what lies ahead of it.

    Raises NotFound when this company has no such job.
    """
    job = queries.get(connection, company_id, job_id)
    if job.status is not JobStatus.QUEUED:
        return job, None
    outlook = look(connection, circumstances, job)
    return job.model_copy(update={"queue_position": 1 + outlook.ahead_count}), outlook
