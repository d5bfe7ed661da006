"""Whether what a reader of events was told is exactly what happened. Pure: records of what was told, and the rows of the table.

A reader has begun somewhere, and from there it must have been told every event of its scope, once, in the order of ids, as the
table has it. Only a `reset` breaks that, and only when the cursor could not be gone on from; then the reader begins once more.
The table here is all events that ever were, those that were pruned included.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRESS: Final = "content_job.progress"
CANCELLING: Final = "content_job.cancelling"
ENDS: Final = {"content_job.done", "content_job.failed", "content_job.cancelled"}
SNAPSHOT_MAX_JOBS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """An event as the table has it; `fingerprint` is that of its data."""

    id: int
    company_id: str
    job_id: str | None
    asset_id: str | None
    type: str
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reader follows: all, a company, or a job; perhaps only some types."""

    company_id: str | None = None
    job_id: str | None = None
    types: frozenset[str] | None = None

    def holds(self, row: Row) -> bool:
        """Tell whether a row is the reader's to see."""
        if self.job_id is not None:
            return row.job_id == self.job_id and row.asset_id is None
        return self.company_id in (None, row.company_id) and (self.types is None or row.type in self.types)

    def name(self, row: Row) -> str:
        """Return what a row is called on the reader's stream."""
        if self.job_id is None:
            return row.type
        return "progress" if row.type == PROGRESS else "status"


@dataclass(frozen=True, slots=True)
class Begun:
    """What follows comes after `at`. `jobs` is the snapshot: what was not over then; `status` that of the one job followed."""

    at: int
    jobs: frozenset[str] | None = None
    complete: bool = True
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An event, as it was told."""

    id: int
    name: str
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The reader was told that it cannot go on from `requested`."""

    requested: int


Told = Begun | Seen | Reset


def fingerprint(data: str | bytes) -> int:
    """Return a number that is another one for other data."""
    return crc32(data.encode() if isinstance(data, str) else data)


@dataclass(frozen=True)
class Table:
    """All events that ever were, in the order of ids; those up to `pruned_through` may be gone."""

    rows: Sequence[Row]
    pruned_through: int

    @cached_property
    def by_id(self) -> dict[int, Row]:
        """The rows by id."""
        return {row.id: row for row in self.rows}

    @cached_property
    def lives(self) -> dict[str, tuple[str, int, int | None]]:
        """Of each job: its company, and the ids of its first and its terminal event."""
        found: dict[str, tuple[str, int, int | None]] = {}
        for row in self.rows:
            if row.job_id is not None and row.asset_id is None:
                company, first, _ = found.get(row.job_id, (row.company_id, row.id, None))
                found[row.job_id] = (company, first, row.id if row.type in ENDS else None)
        return found

    def active(self, scope: Scope, at: int) -> frozenset[str]:
        """Return the jobs of a scope that were not over at an id."""
        return frozenset(
            job
            for job, (company, first, last) in self.lives.items()
            if scope.company_id in (None, company) and first <= at and (last is None or last > at)
        )


def examine(scope: Scope, story: Sequence[Told], table: Table, *, up_to: int | None = None) -> Iterator[str]:
    """Return what is wrong with what a reader was told; with `up_to`, it was to be told everything up to that id."""
    rows = [row for row in table.rows if scope.holds(row)]
    ids = [row.id for row in rows]
    cursor, is_lost = -1, True
    for told in story:
        if isinstance(told, Reset):
            yield from _check_reset(told, cursor, table)
            is_lost = True
        elif isinstance(told, Begun):
            if not is_lost:
                yield f"begins anew at {told.at}, though nobody said that it could not go on from {cursor}"
            yield from _check_beginning(scope, told, rows[: bisect_right(ids, told.at)], table)
            cursor, is_lost = told.at, False
        else:
            place = bisect_right(ids, cursor)
            expected = rows[place] if place < len(rows) else None
            if is_lost or expected is None or told != Seen(expected.id, scope.name(expected), expected.fingerprint):
                yield _explain(told, None if is_lost else cursor, expected, scope, table)
            cursor = max(cursor, told.id)
    if up_to is not None and (missing := ids[bisect_right(ids, cursor) : bisect_right(ids, up_to)]):
        yield f"ends at {cursor}, and was never told {len(missing)} events from {missing[0]} on"


def _check_reset(told: Reset, cursor: int, table: Table) -> Iterator[str]:
    highest = table.rows[-1].id if table.rows else 0
    if cursor not in (-1, told.requested) and cursor > told.requested:
        yield f"is reset from {told.requested}, though it stood at {cursor}"
    if table.pruned_through <= told.requested <= highest:
        yield f"is reset from {told.requested} without need: all after {table.pruned_through} was always there"


def _check_beginning(scope: Scope, told: Begun, before: Sequence[Row], table: Table) -> Iterator[str]:
    if told.status is not None:
        kinds = [row.type for row in before if row.type not in (PROGRESS, CANCELLING)]
        if kinds[-1:] != [f"content_job.{told.status}"]:
            yield f"begins at {told.at} with a job that is {told.status}; the table has {kinds[-1:]}"
    if told.jobs is None:
        return
    active = table.active(scope, told.at)
    if told.complete and told.jobs != active:
        less, more = sorted(active - told.jobs)[:3], sorted(told.jobs - active)[:3]
        yield f"begins at {told.at} with a snapshot that lacks {less} and has {more} too many"
    if not told.complete and not (len(told.jobs) == SNAPSHOT_MAX_JOBS < len(active) and told.jobs < active):
        yield f"begins at {told.at} with {len(told.jobs)} jobs that are not all, where {len(active)} were not over"


def _explain(told: Seen, cursor: int | None, expected: Row | None, scope: Scope, table: Table) -> str:
    row = table.by_id.get(told.id)
    if row is None:
        return f"event {told.id} is not in the table"
    if not scope.holds(row):
        return f"event {told.id} is none of its scope"
    if cursor is None:
        return f"event {told.id} comes before it was said where the stream begins"
    if told.id <= cursor:
        return f"event {told.id} comes after {cursor}: it was told before, or not in order"
    if expected is not None and told.id > expected.id:
        gone = " (which is pruned, and no reset was told)" if expected.id <= table.pruned_through else ""
        return f"a gap: after {cursor} comes {expected.id}{gone}, told was {told.id}"
    return f"event {told.id} was told as {told.name}, and its data is not what the table has"
