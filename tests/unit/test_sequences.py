"""The judge of streams sees what is wrong: each fault below is found, and a right story is called right."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.sequences import Begun, Reset, Row, Scope, Seen, Table, Told, examine

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = "company-a", "company-b"


def make_table() -> Table:
    """Jobs 1 to 3 of one company and 4 of another; all wait, the first two end. One event is an asset's."""
    rows = [Row(number, B if number == 4 else A, f"job-{number}", None, "content_job.queued", number) for number in range(1, 5)]
    for number in (1, 2):
        rows.append(Row(len(rows) + 2, A, f"job-{number}", None, "content_job.running", 7))
        rows.append(Row(len(rows) + 2, A, f"job-{number}", "asset", "asset.created", 8))
        rows.append(Row(len(rows) + 2, A, f"job-{number}", None, "content_job.done", 9))
    return Table(rows, pruned_through=3)


TABLE = make_table()
ALL, OF_A, OF_JOB = Scope(), Scope(company_id=A), Scope(job_id="job-1")


def seen(scope: Scope, after: int = 0) -> list[Told]:
    """What a reader of a scope is to be told."""
    return [Seen(row.id, scope.name(row), row.fingerprint) for row in TABLE.rows if scope.holds(row) and row.id > after]


def judge(scope: Scope, story: list[Told], up_to: int | None = 99) -> list[str]:
    return list(examine(scope, story, TABLE, up_to=up_to))


@pytest.mark.parametrize("scope", [ALL, OF_A, OF_JOB, Scope(company_id=A, types=frozenset({"content_job.done"}))])
@pytest.mark.parametrize("after", [0, 3, 6])
def test_a_right_story_is_called_right(scope: Scope, after: int) -> None:
    assert judge(scope, [Begun(after), *seen(scope, after)]) == []


def test_a_reset_that_was_needed_and_a_snapshot_that_is_true_are_right() -> None:
    story = [Begun(0), *seen(OF_A)[:1], Reset(1), Reset(1), Begun(8, frozenset({"job-2", "job-3"})), *seen(OF_A, 8)]
    assert judge(OF_A, story) == []
    assert judge(OF_JOB, [Reset(500), Begun(7, status="running"), *seen(OF_JOB, 7)]) == []


def swap(story: list[Told]) -> list[Told]:
    return [*story[:3], story[4], story[3], *story[5:]]


FAULTS: dict[str, tuple[Scope, Callable[[list[Told]], list[Told]], str]] = {
    "a gap": (ALL, lambda story: [*story[:4], *story[5:]], "a gap: after 3 comes 4, told was 6"),
    "a gap over what is pruned": (ALL, lambda story: [story[0], *story[3:]], "is pruned, and no reset was told"),
    "a silent start anew": (ALL, lambda story: [*story[:2], Begun(3), *story[4:]], "nobody said that it could not go on"),
    "a duplicate": (ALL, lambda story: [*story[:3], *story[2:]], "told before, or not in order"),
    "a duplicate at the end": (ALL, lambda story: [*story, story[-1]], "told before, or not in order"),
    "a wrong order": (ALL, swap, "a gap"),
    "an id that is not in the table": (ALL, lambda story: [*story, Seen(99, "content_job.queued", 1)], "not in the table"),
    "an event of another company": (OF_A, lambda story: [*story[:4], Seen(4, "content_job.queued", 4)], "none of its scope"),
    "an event of another job": (OF_JOB, lambda story: [story[0], Seen(2, "status", 2)], "none of its scope"),
    "an event of an asset on a job's stream": (OF_JOB, lambda story: [*story[:3], Seen(7, "status", 8)], "none of its scope"),
    "other data": (
        ALL,
        lambda story: [*story[:2], Seen(2, "content_job.queued", 3), *story[3:]],
        "its data is not what the table has",
    ),
    "another name": (ALL, lambda story: [*story[:2], Seen(2, "content_job.done", 2), *story[3:]], "told as content_job.done"),
    "an early end": (ALL, lambda story: story[:-2], "never told 2 events"),
    "no beginning": (ALL, lambda story: story[1:], "before it was said where the stream begins"),
    "no beginning after a reset": (ALL, lambda story: [*story[:2], Reset(1), *story[2:]], "before it was said"),
    "a reset without need": (ALL, lambda story: [*story, Reset(10), Begun(11)], "without need"),
    "a reset from where it did not stand": (ALL, lambda story: [*story[:4], Reset(2), Begun(11)], "though it stood at 3"),
    "a snapshot that lacks a job": (
        ALL,
        lambda story: [Begun(4, frozenset({"job-1", "job-2", "job-3"})), *story[5:]],
        "lacks ['job-4']",
    ),
    "a snapshot with a job that is over": (
        OF_A,
        lambda _: [Begun(9, frozenset({"job-1", "job-2", "job-3"})), *seen(OF_A, 9)],
        "has ['job-1'] too many",
    ),
    "a snapshot that is less than it could be": (
        OF_A,
        lambda _: [Begun(9, frozenset({"job-2"}), complete=False), *seen(OF_A, 9)],
        "not all",
    ),
    "a job that was something else": (OF_JOB, lambda _: [Begun(7, status="queued"), *seen(OF_JOB, 7)], "the table has"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found(fault: str) -> None:
    scope, spoil, complaint = FAULTS[fault]
    story = [Begun(0), *seen(scope)]
    assert judge(scope, story) == []
    complaints = judge(scope, spoil(story))
    assert any(complaint in text for text in complaints), complaints


def test_a_snapshot_at_its_bound_may_be_less_than_all() -> None:
    rows = [Row(number, A, f"job-{number}", None, "content_job.queued", 0) for number in range(1, 10_003)]
    table = Table(rows, 0)
    jobs = frozenset(f"job-{number}" for number in range(1, 10_001))
    assert list(examine(OF_A, [Begun(10_002, jobs, complete=False)], table)) == []
    assert list(examine(OF_A, [Begun(10_000, jobs, complete=False)], table)) != []
    assert list(examine(OF_A, [Begun(10_002, replace(Begun(0, jobs)).jobs)], table)) != []
