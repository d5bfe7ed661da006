"""The end of events: how they go in small batches, and how a restored database sets itself apart from the future it lost.

Leaves out which events are to go: see `service.retention`.

Invariants:
1. `pruned_through` moves in the transaction that deletes, and never back: no reader takes a hole for a whole.
2. At or below it only the events that tell of a job's end are left; they live as long as the job.
3. A batch has at most `BATCH_EVENTS` rows, counted with those that stay, so that no writer waits for long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, func, literal_column, select, update

from nexusd.domain.states import TERMINAL
from nexusd.errors import UnsafeDatabase
from nexusd.store import events
from nexusd.store.statements import prepare_query, read_rows
from nexusd.store.tables import EVENTS, RETENTION

if TYPE_CHECKING:
    from sqlalchemy import Connection

BATCH_EVENTS: Final = 500
KEPT_TYPES: Final = sorted(events.type_for(status).value for status in TERMINAL)
ID_ADVANCE: Final = 1_000_000_000
ID_MAX: Final = 2**53 - 1
"""The highest whole number that every reader of JSON can hold."""
NEXT_BATCH: Final = (
    select(EVENTS.c.id, EVENTS.c.created_at)
    .where(EVENTS.c.id > bindparam("after"))
    .order_by(EVENTS.c.id)
    .limit(literal_column(str(BATCH_EVENTS)))
)
READ_TIMES: Final = prepare_query(NEXT_BATCH.offset(literal_column("0")))  # else SQLAlchemy adds one that is a parameter


def read_times(connection: Connection, after: int) -> list[tuple[int, str]]:
    """Return the id and the time of each of the next events after an id, a batch at most; the time as the table has it."""
    return read_rows(connection, READ_TIMES, {"after": after})


def prune(connection: Connection, through: int) -> int:
    """Delete the next batch of events whose ids are at most `through`, but those that stay; return the new `pruned_through`.

    It is `through`, or the highest id there ever was if that is less, when nothing more is to be done.
    """
    bounds = events.get_bounds(connection)
    batch = NEXT_BATCH.subquery()
    [(last, count)] = connection.execute(select(func.max(batch.c.id), func.count()), {"after": bounds.pruned_through})
    end: int = min(through, bounds.highest, *([last] if count == BATCH_EVENTS else []))
    if end <= bounds.pruned_through:
        return bounds.pruned_through
    gone = delete(EVENTS).where(EVENTS.c.id > bounds.pruned_through, EVENTS.c.id <= end, EVENTS.c.type.not_in(KEPT_TYPES))
    connection.execute(gone)
    connection.execute(update(RETENTION).values(pruned_through=end))
    return end


def advance_event_ids(connection: Connection, past: int = 0) -> int:
    """Have a restored database go on with ids that no client can hold; return the one that they come after.

    A backup knows nothing of what was told after it was made. Were those ids given again, a client of that lost time would take
    up a history that is not the one it knows. So the ids go on far above, and everything below counts as pruned: whatever
    cursor a client holds, it is told to start anew. `past` is the highest id that the lost database is known to have given.
    Events of before go too, all at once: for a database that nobody uses yet.

    Raises UnsafeDatabase when the ids would be too high for JSON.
    """
    advanced = max(events.highest_id(connection), past) + ID_ADVANCE
    if advanced > ID_MAX - ID_ADVANCE:
        raise UnsafeDatabase(f"event ids have come to {advanced}, too near to the end of what clients can read")
    connection.execute(delete(EVENTS).where(EVENTS.c.type.not_in(KEPT_TYPES)))
    connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = 'events'")  # it has no key to be replaced by
    connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (advanced,))
    connection.execute(update(RETENTION).values(pruned_through=advanced))
    return advanced
