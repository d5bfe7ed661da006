"""Event rows: written with the change they tell of, read by cursor.

An id is given by AUTOINCREMENT: strictly increasing, never used again. A row's `data` is the JSON a client receives; it is
encoded once, here.

Invariant: a page after a cursor and the bounds that say whether one may go on from that cursor are of one transaction, so that
what the retention deletes meanwhile is never a gap that nobody was told of.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, literal_column, or_, select

from nexusd.contract.base import format_time
from nexusd.contract.events import AssetEvent, EventType, JobEvent, ProgressEvent
from nexusd.store.statements import insert_rows, iter_rows, prepare_insert, prepare_query, read_number
from nexusd.store.tables import EVENTS, RETENTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from nexusd.contract.assets import Asset
    from nexusd.contract.jobs import JobSummary
    from nexusd.domain.states import JobStatus

INSERT: Final = prepare_insert(EVENTS, ("company_id", "job_id", "asset_id", "type", "data", "created_at"))
HIGHEST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
PRUNED_THROUGH: Final = prepare_query(select(RETENTION.c.pruned_through))
PAGE_MAX_EVENTS: Final = 1000
PAGE_MAX_BYTES: Final = 64 * 1024
"""A page ends with the event that reaches this. It is what one reader of history holds in memory while nobody takes it."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as a stream sends it; `data` is one line of JSON."""

    id: int
    company_id: str
    job_id: str | None
    asset_id: str | None
    type: str
    data: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which cursors can be resumed from: `pruned_through` to `highest`, both included.

    `pruned_through` is a stored number: the oldest row would not do, since terminal events are kept longer than others.
    """

    pruned_through: int
    highest: int

    def refusal(self, cursor: int) -> str | None:
        """Return why a stream cannot go on after `cursor`: it is `pruned`, or from the `future`; None when it can."""
        if cursor > self.highest:
            return "future"
        return "pruned" if cursor < self.pruned_through else None


@dataclass(frozen=True, slots=True)
class Page:
    """The next events after a cursor, and the cursor to go on from: past everything committed, unless there is more to read.

    With a `refusal`, as of `Bounds.refusal`, there are none.
    """

    events: list[StoredEvent]
    cursor: int
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events a stream is about. Every field that is given narrows it; a job's leave out those of its assets."""

    company_id: str | None = None
    job_id: str | None = None
    types: frozenset[str] | None = None


def type_for(status: JobStatus) -> EventType:
    """Return the type of the event that tells of a job's new status."""
    return EventType(f"content_job.{status}")


def add_job_events(connection: Connection, kind: EventType, jobs: Sequence[JobSummary]) -> None:
    """Tell that each of `jobs` is now as it stands there."""
    rows = [(job.company_id, job.id, None, kind.value, _encode(job), format_time(job.updated_at)) for job in jobs]
    insert_rows(connection, INSERT, rows)


def add_twin_events(connection: Connection, kind: EventType, twins: Iterable[tuple[str, JobSummary]]) -> None:
    """Tell of new jobs, each given by its id and a job that it is like in all but the id.

    The jobs of a batch are mostly alike, and encoding one costs as much as storing it: so its text serves all of them. An id
    that was made just now stands nowhere in it but where it belongs.
    """
    encoded: dict[str, tuple[str, str]] = {}
    rows = []
    for job_id, twin in twins:
        if twin.id not in encoded:
            encoded[twin.id] = _encode(twin), format_time(twin.updated_at)
        data, at = encoded[twin.id]
        rows.append((twin.company_id, job_id, None, kind.value, data.replace(twin.id, job_id), at))
    insert_rows(connection, INSERT, rows)


def _encode(job: JobSummary) -> str:
    event = JobEvent(company_id=job.company_id, job_id=job.id, created_at=job.updated_at, job=job)
    return event.model_dump_json(by_alias=True)


def add_progress_event(connection: Connection, event: ProgressEvent) -> None:
    """Tell of a step of a job's live attempt."""
    data, at = event.model_dump_json(by_alias=True), format_time(event.created_at)
    insert_rows(connection, INSERT, [(event.company_id, event.job_id, None, EventType.JOB_PROGRESS.value, data, at)])


def add_asset_event(connection: Connection, kind: EventType, asset: Asset, now: datetime) -> None:
    """Tell that an asset came or went."""
    event = AssetEvent(company_id=asset.company_id, asset_id=asset.id, job_id=asset.job_id, created_at=now, asset=asset)
    data, at = event.model_dump_json(by_alias=True), format_time(now)
    insert_rows(connection, INSERT, [(asset.company_id, asset.job_id, asset.id, kind.value, data, at)])


def highest_id(connection: Connection) -> int:
    """Return the highest id ever given, 0 before the first."""
    return read_number(connection, HIGHEST)


def get_bounds(connection: Connection) -> Bounds:
    """Return which cursors can be resumed from just now."""
    return Bounds(read_number(connection, PRUNED_THROUGH), highest_id(connection))


def read_on(connection: Connection, cursor: int, scope: Scope, max_events: int = PAGE_MAX_EVENTS) -> Page:
    """Return the next events of `scope` after `cursor`, oldest first, or why one cannot go on from there."""
    bounds = get_bounds(connection)
    if refusal := bounds.refusal(cursor):
        return Page([], bounds.highest, refusal)
    found: list[StoredEvent] = []
    size = 0
    types = sorted(scope.types or ())
    named = {"company_id": scope.company_id, "job_id": scope.job_id} | {f"type_{n}": name for n, name in enumerate(types)}
    given = {name: value for name, value in named.items() if value is not None}
    query = _select_after(scope.company_id is not None, scope.job_id is not None, None if scope.types is None else len(types))
    with closing(iter_rows(connection, query, {"after": cursor, "count": max_events, **given})) as rows:
        for row in rows:
            found.append(StoredEvent(*row))
            size += len(found[-1].data)
            if size >= PAGE_MAX_BYTES:
                break
    if size >= PAGE_MAX_BYTES or len(found) == max_events:
        return Page(found, found[-1].id)
    return Page(found, bounds.highest)


@lru_cache
def _select_after(of_company: bool, of_job: bool, type_count: int | None) -> str:
    """Return the statement for a scope that is narrowed in these ways."""
    query = select(*(EVENTS.c[name] for name in StoredEvent.__slots__)).where(EVENTS.c.id > bindparam("after"))
    if of_company:
        query = query.where(EVENTS.c.company_id == bindparam("company_id"))
    if of_job:
        query = query.where(EVENTS.c.job_id == bindparam("job_id"), EVENTS.c.asset_id.is_(None))
    if type_count is not None:
        wanted = [EVENTS.c.type == bindparam(f"type_{number}") for number in range(type_count)]
        query = query.where(or_(literal_column("0"), *wanted))
    return prepare_query(query.order_by(EVENTS.c.id).limit(bindparam("count")).offset(literal_column("0")))
