"""Events go in small batches, with the mark that says so; and a restored database never meets a cursor of the time it lost."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import trio

from nexusd import failpoints
from nexusd.contract.base import format_time
from nexusd.domain.retry import Done
from nexusd.errors import UnsafeDatabase
from nexusd.store import events, jobs, retention
from nexusd.store.events import Bounds
from nexusd.store.retention import BATCH_EVENTS, ID_ADVANCE, ID_MAX
from tests.support.stores import NOON, Store, ask, make_asset, new_job, open_store

if TYPE_CHECKING:
    from pathlib import Path

FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO events (company_id, job_id, type, data, created_at)
SELECT (SELECT id FROM companies), 'job-' || i / 4,
       CASE i % 4 WHEN 3 THEN 'content_job.done' WHEN 2 THEN 'content_job.progress' WHEN 1 THEN 'content_job.running'
       ELSE 'content_job.queued' END, '{"a": "' || hex(zeroblob(250)) || '"}', ? FROM n
"""


async def prune_all(store: Store, through: int) -> list[int]:
    """Prune batch by batch; return every mark on the way."""
    marks = [(await store.database.read(events.get_bounds)).pruned_through]
    while (mark := await store.database.write(retention.prune, through)) != marks[-1]:
        marks.append(mark)
    return marks


async def test_all_but_the_ends_of_jobs_go_and_the_mark_says_so(store: Store) -> None:
    for outcome in ("done", "failed", "cancelled"):
        store.ask(FILL.replace("content_job.done", f"content_job.{outcome}"), 8, format_time(NOON))
    [job_id] = await store.submit()
    claim = await store.claim(job_id)
    await store.database.write(jobs.report_progress, claim, 0.5, None, NOON)
    await store.settle(claim, Done(), [make_asset(store.company_id, job_id=job_id)])
    assert await prune_all(store, 28) == [0, 28]
    left = store.ask("SELECT id, type FROM events ORDER BY id")
    ends = [(n, f"content_job.{o}") for o, n in (("done", 3), ("done", 7), ("failed", 11), ("failed", 15))]
    assert left == [*ends, (19, "content_job.cancelled"), (23, "content_job.cancelled"), (29, "content_job.done")]
    assert await store.database.read(events.get_bounds) == Bounds(28, 29)
    assert await prune_all(store, 29) == [28, 29]
    assert store.ask("SELECT id, type FROM events ORDER BY id") == left


@pytest.mark.parametrize("through", [0, 499, 500, 501, 1000, 1234])
async def test_a_batch_is_bounded_by_rows_and_goes_as_far_as_it_is_told(store: Store, through: int) -> None:
    store.ask(FILL, 1300, format_time(NOON))
    marks = await prune_all(store, through)
    assert marks == sorted({0, *(mark for mark in (500, 1000) if mark < through), through})
    assert store.ask("SELECT count(*) FROM events WHERE id <= ? AND type <> 'content_job.done'", through) == [(0,)]
    assert store.ask("SELECT count(*) FROM events WHERE id > ?", through) == [(1300 - through,)]


async def test_the_mark_never_goes_back_nor_ahead_of_what_was_given(store: Store) -> None:
    store.ask(FILL, 10, format_time(NOON))
    assert await prune_all(store, 8) == [0, 8]
    assert await prune_all(store, 3) == [8]
    assert await prune_all(store, -5) == [8]
    store.ask("INSERT INTO events (id, company_id, type, data, created_at) SELECT 1, id, 'x', '{}', 'x' FROM companies")
    assert await prune_all(store, 10_000) == [8, 10]
    assert (1,) in store.ask("SELECT id FROM events"), "what is below the mark is not looked at again"
    [job_id] = await store.submit()
    assert store.ask("SELECT id FROM events WHERE job_id = ?", job_id) == [(11,)]


async def test_a_hole_in_the_ids_is_one_batch(store: Store) -> None:
    """A restore leaves one of a billion ids."""
    store.ask(FILL, 3, format_time(NOON))
    store.ask("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", ID_ADVANCE)
    store.ask(FILL, 600, format_time(NOON))
    assert await prune_all(store, ID_ADVANCE + 550) == [0, ID_ADVANCE + 497, ID_ADVANCE + 550]


async def test_a_batch_that_fails_leaves_events_and_mark_together(store: Store) -> None:
    store.ask(FILL, 10, format_time(NOON))
    store.ask("CREATE TRIGGER no BEFORE UPDATE ON event_retention BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        await store.database.write(retention.prune, 5)
    assert store.ask("SELECT count(*) FROM events") == [(10,)]
    assert await store.database.read(events.get_bounds) == Bounds(0, 10)


async def test_times_are_read_a_batch_at_a_time(store: Store) -> None:
    store.ask(FILL, 502, format_time(NOON))
    first = await store.database.read(retention.read_times, 0)
    assert first == [(number, format_time(NOON)) for number in range(1, BATCH_EVENTS + 1)]
    assert [number for number, _ in await store.database.read(retention.read_times, 500)] == [501, 502]
    assert await store.database.read(retention.read_times, 502) == []


@pytest.mark.slow
async def test_nobody_waits_for_more_than_a_batch_while_very_many_events_go(store: Store) -> None:
    """Told by commits, not by the clock: between the call of a write and its answer lie at most the batch that was under way
    and the one that shares its commit. And no commit moves the mark by more than a batch."""
    total = 100_000
    store.ask(FILL, total, format_time(NOON))
    marks: list[int] = []
    waited: list[int] = []
    finished = trio.Event()

    async def submit() -> None:
        while not finished.is_set():
            before = len(marks)
            await store.submit()
            waited.append(len(marks) - before)

    with closing(sqlite3.connect(store.path, check_same_thread=False)) as eyes:

        def note(_name: str) -> None:
            marks.append(eyes.execute("SELECT pruned_through FROM event_retention").fetchone()[0])

        with failpoints.armed("store.commit.after:prune", note):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(submit)
                await prune_all(store, total)
                finished.set()
    steps = [after - before for before, after in zip([0, *marks], marks, strict=False)]
    assert marks[-1] == total
    assert max(steps) == BATCH_EVENTS
    assert len(waited) > 20
    assert max(waited) <= 2


def given(store: Store) -> list[tuple[Any, ...]]:
    """Return the highest id that was ever given, if one was."""
    return store.ask("SELECT seq FROM sqlite_sequence WHERE name = 'events'")


async def test_a_cursor_of_the_time_that_a_restore_lost_is_told_to_start_anew(tmp_path: Path) -> None:
    live, backup = tmp_path / "live.db", tmp_path / "backup.db"
    async with open_store(live) as store:
        await store.submit(*(new_job() for _ in range(40)))
        with closing(sqlite3.connect(live)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        await store.submit(*(new_job() for _ in range(100)))
        lost = store.hub.highest_event_id
    assert lost == 140
    shutil.copy(backup, live)
    async with open_store(live) as store:
        assert await store.database.write(retention.advance_event_ids) == 40 + ID_ADVANCE
        await store.submit(*(new_job() for _ in range(200)))  # more than were lost
        bounds = await store.database.read(events.get_bounds)
        assert bounds == Bounds(40 + ID_ADVANCE, 240 + ID_ADVANCE)
        assert {bounds.refusal(cursor) for cursor in (0, 39, 40, 41, 90, lost, lost + 200)} == {"pruned"}
        assert bounds.refusal(bounds.pruned_through) is None
        assert store.hub.highest_event_id == bounds.highest
        assert store.ask("SELECT count(*), min(id) FROM events") == [(200, 41 + ID_ADVANCE)]
        assert store.ask("SELECT count(*) FROM content_jobs") == [(240,)]
    async with open_store(live) as store:
        assert await store.database.read(events.get_bounds) == bounds


async def test_a_restore_of_a_database_without_events_and_one_that_knows_what_was_lost(store: Store) -> None:
    assert given(store) == []
    assert await store.database.write(retention.advance_event_ids) == ID_ADVANCE
    assert given(store) == [(ID_ADVANCE,)]
    assert await store.database.write(retention.advance_event_ids, 5 * ID_ADVANCE) == 6 * ID_ADVANCE
    assert await store.database.write(retention.advance_event_ids, 5) == 7 * ID_ADVANCE
    assert given(store) == [(7 * ID_ADVANCE,)]
    await store.submit()
    assert await store.database.read(events.get_bounds) == Bounds(7 * ID_ADVANCE, 7 * ID_ADVANCE + 1)


async def test_a_restore_keeps_the_ends_of_jobs_and_stays_within_what_json_can_hold(store: Store) -> None:
    store.ask(FILL, 8, format_time(NOON))
    await store.database.write(retention.advance_event_ids)
    assert store.ask("SELECT id, type FROM events") == [(3, "content_job.done"), (7, "content_job.done")]
    assert ask(store.path, "SELECT pruned_through FROM event_retention") == given(store) == [(8 + ID_ADVANCE,)]
    assert ID_MAX == 9007199254740991
    with pytest.raises(UnsafeDatabase, match="near to the end"):
        await store.database.write(retention.advance_event_ids, ID_MAX - 2 * ID_ADVANCE + 1)
    assert given(store) == [(8 + ID_ADVANCE,)]
    assert await store.database.write(retention.advance_event_ids, ID_MAX - 2 * ID_ADVANCE) == ID_MAX - ID_ADVANCE
