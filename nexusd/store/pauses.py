"""Which parts of the queue are paused: the whole of it, or single job types. Durable, so a restart changes nothing.

Leaves out what a pause does: `store.dispatch` claims nothing that is paused, and what runs goes on. In the table the whole
queue is the empty job type, which no job can have.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, literal_column, select
from sqlalchemy.dialects.sqlite import insert

from nexusd.contract.pauses import QueuePause, QueueState
from nexusd.domain.rules import Pause
from nexusd.domain.states import JobStatus
from nexusd.store.statements import prepare_query, read_rows
from nexusd.store.tables import JOBS, PAUSES

if TYPE_CHECKING:
    from sqlalchemy import Connection

WHOLE_QUEUE: Final = ""
PAUSED: Final = prepare_query(select(PAUSES.c.job_type, PAUSES.c.reason, PAUSES.c.paused_at).order_by(PAUSES.c.job_type))


def pause(connection: Connection, job_type: str | None, reason: str | None, now: datetime) -> None:
    """Let no job of this type start any more, or none at all.

    What is paused already keeps its time, and its reason unless a new one is given.
    """
    row = insert(PAUSES).values(job_type=job_type or WHOLE_QUEUE, reason=reason, paused_at=now)
    if reason is None:
        connection.execute(row.on_conflict_do_nothing())
    else:
        connection.execute(row.on_conflict_do_update(index_elements=["job_type"], set_={"reason": reason}))


def resume(connection: Connection, job_type: str | None) -> None:
    """Lift the pause of this type, or that of the whole queue; what is not paused stays so."""
    connection.execute(delete(PAUSES).where(PAUSES.c.job_type == (job_type or WHOLE_QUEUE)))


def resume_all(connection: Connection) -> None:
    """Lift every pause."""
    connection.execute(delete(PAUSES))


def find_pauses(connection: Connection) -> list[Pause]:
    """Return every pause, that of the whole queue first. On the pool's hot path."""
    return [
        Pause(job_type or None, reason, datetime.fromisoformat(paused_at))
        for job_type, reason, paused_at in read_rows(connection, PAUSED, {})
    ]


def list_pauses(connection: Connection) -> list[QueuePause]:
    """Return the same as clients see it."""
    return [
        QueuePause(job_type=found.job_type, reason=found.reason, paused_at=found.paused_at) for found in find_pauses(connection)
    ]


def get_state(connection: Connection) -> QueueState:
    """Return what is paused, and how many jobs run and wait, all of one moment."""
    return QueueState(
        paused=list_pauses(connection),
        running=_count(connection, JobStatus.RUNNING),
        queued=_count(connection, JobStatus.QUEUED),
    )


def _count(connection: Connection, status: JobStatus) -> int:
    is_so = JOBS.c.status == literal_column(f"'{status.value}'")  # as the partial indexes say it
    return int(connection.execute(select(func.count()).where(is_so)).scalar_one())


def is_heard_of(connection: Connection, job_type: str) -> bool:
    """Tell whether a job type has ever been used here: by a job that is still known, or by a pause."""
    for column in (PAUSES.c.job_type, JOBS.c.job_type):
        if connection.execute(select(column).where(column == job_type).limit(1)).first() is not None:
            return True
    return False
