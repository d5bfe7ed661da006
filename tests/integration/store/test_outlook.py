"""What lies ahead of a job is counted right and cheaply, and estimates are absent when they would be made up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from nexusd.contract.base import format_time
from nexusd.domain.ids import new_id
from nexusd.domain.retry import Cancelled, Done, Failed, Stopped
from nexusd.domain.schedule import Limits
from nexusd.domain.states import ErrorCode
from nexusd.errors import NotFound
from nexusd.store import companies, estimates, jobs, outlook, submissions
from nexusd.store.estimates import BACKING_OFF, LAST_DONE
from nexusd.store.outlook import AHEAD, QUEUED, RUNNING, Circumstances
from tests.support.stores import NOON, Store, make_asset, new_job

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from nexusd.contract.jobs import Job

SECOND: Final = timedelta(seconds=1)
TYPES: Final = frozenset({"a", "b", "script"})
ONE: Final = Circumstances(Limits(1), TYPES)


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after noon."""
    return NOON + seconds * SECOND


async def see(store: Store, job_id: str, now: datetime = NOON, circumstances: Circumstances = ONE) -> Job:
    return await store.database.read(estimates.get_job, store.company_id, job_id, circumstances, now)


async def see_queue(store: Store, now: datetime = NOON, circumstances: Circumstances = ONE) -> tuple[int, datetime | None]:
    return await store.database.read(estimates.estimate_empty, circumstances, now)


async def do(store: Store, job_type: str, *seconds: float) -> None:
    """Let a job of this type be done in so many seconds each, one every hour, long ago."""
    began = NOON - timedelta(days=9)
    for number, each in enumerate(seconds):
        [job_id] = await store.submit(new_job(job_type))
        start = began + number * timedelta(hours=1)
        claim = await store.claim(job_id, start)
        await store.settle(claim, Done(), [make_asset(store.company_id)], now=start + each * SECOND)


async def test_the_position_is_by_priority_and_age_over_all_companies(store: Store) -> None:
    elsewhere = (await store.database.write(companies.create, "elsewhere", None, NOON)).id
    first = await store.submit(new_job("a"), new_job("b", priority=-5), new_job("a"), new_job("b", priority=9))
    [theirs] = await store.submit(new_job("b"), company_id=elsewhere)
    [last] = await store.submit(new_job("gone"))
    positions = [(await see(store, job_id)).queue_position for job_id in [*first, last]]
    assert positions == [2, 6, 3, 1, 5]
    claim = await store.claim(first[3])
    assert [(await see(store, job_id)).queue_position for job_id in [*first, last]] == [1, 5, 2, None, 4]
    seen = await store.database.read(outlook.look, ONE, await see(store, last))
    assert {(each.company_id, each.job_type): each.count for each in seen.ahead} == {
        (store.company_id, "a"): 2,
        (elsewhere, "b"): 1,
    }
    assert [each.holder.job_id for each in seen.running] == [claim.job.id]
    with pytest.raises(NotFound):
        await see(store, theirs)


async def test_a_job_starts_when_what_is_ahead_has_taken_its_usual_time(store: Store) -> None:
    await do(store, "a", 10, 20, 30)
    await do(store, "b", 4)
    running, ahead, asked = await store.submit(new_job("a"), new_job("b"), new_job("a"))
    alone = await see(store, running)
    assert (alone.estimated_start_at, alone.estimated_finish_at) == (NOON, at(20))
    await store.claim(running, NOON)
    job = await see(store, asked, at(5))
    assert (job.queue_position, job.estimated_start_at, job.estimated_finish_at) == (2, at(24), at(44))
    assert (await see(store, ahead, at(5))).estimated_start_at == at(20)
    assert await see_queue(store, at(5)) == (2, at(44))
    two = Circumstances(Limits(2), TYPES)
    assert (await see(store, asked, at(5), two)).estimated_start_at == at(9)  # the second slot's, after 4 seconds of b
    assert (await see(store, asked, at(5.5))).estimated_start_at == at(24)  # whole seconds, never too early


async def test_a_running_job_ends_after_its_usual_time_or_nobody_knows(store: Store) -> None:
    [job_id] = await store.submit(new_job("a"))
    await store.claim(job_id, NOON)
    assert (await see(store, job_id, at(1))).estimated_finish_at is None
    await do(store, "a", 10)
    job = await see(store, job_id, at(1))
    assert (job.queue_position, job.estimated_start_at, job.estimated_finish_at) == (None, None, at(10))
    assert (await see(store, job_id, at(9.9))).estimated_finish_at == at(10)
    assert (await see(store, job_id, at(10))).estimated_finish_at is None
    assert (await see(store, job_id, at(99))).estimated_finish_at is None


async def test_the_usual_time_is_of_the_last_that_were_done(store: Store) -> None:
    await do(store, "a", *[1000] * 25, *[8] * 6, *[10] * 14)
    await do(store, "b", 500)
    [job_id] = await store.submit(new_job("a"))
    for outcome in (Failed(ErrorCode.TIMEOUT, "late"), Cancelled()):
        [other] = await store.submit(new_job("a"))
        await store.settle(await store.claim(other, NOON), outcome, now=at(900))
    assert (await see(store, job_id)).estimated_finish_at == at(10)
    await store.settle(await store.claim(job_id, NOON), Stopped(), now=at(700))
    claim = await store.claim(job_id, at(700))
    assert (await see(store, job_id, at(700))).estimated_finish_at == at(710)  # of this attempt, not the one that was stopped
    await store.settle(claim, Done(), [make_asset(store.company_id)], now=at(703))
    rows = store.ask("SELECT started_at, finished_at FROM content_jobs WHERE id = ?", job_id)
    assert rows == [(format_time(at(700)), format_time(at(703)))]


@pytest.mark.parametrize(
    ("circumstances", "starts", "empty"),
    [
        pytest.param(ONE, at(5), at(12), id="all is well"),
        pytest.param(Circumstances(Limits(1), frozenset("a")), None, None, id="its renderer is missing"),
        pytest.param(Circumstances(Limits(1), frozenset("b")), NOON, None, id="the renderer of what is ahead is missing"),
        pytest.param(Circumstances(Limits(1, {"b": 0}), TYPES), None, None, id="its type starts none"),
        pytest.param(Circumstances(Limits(9), TYPES), NOON, at(7), id="slots for all"),
        pytest.param(Circumstances(Limits(9, {"b": 1}), TYPES), NOON, at(7), id="a limit that is not reached"),
    ],
)
async def test_what_cannot_start_has_no_estimate(
    store: Store, circumstances: Circumstances, starts: datetime | None, empty: datetime | None
) -> None:
    await do(store, "a", 5)
    await do(store, "b", 7)
    _, asked = await store.submit(new_job("a"), new_job("b"))
    job = await see(store, asked, NOON, circumstances)
    assert job.queue_position == 2
    assert job.estimated_start_at == starts
    assert job.estimated_finish_at == (None if starts is None else starts + 7 * SECOND)
    assert await see_queue(store, NOON, circumstances) == (2, empty)


async def test_what_was_never_done_is_unknown(store: Store) -> None:
    await do(store, "a", 5)
    _, asked = await store.submit(new_job("b"), new_job("a"))
    job = await see(store, asked)
    assert (job.estimated_start_at, job.estimated_finish_at) == (None, None)
    assert await see_queue(store) == (2, None)
    free = await see(store, asked, NOON, Circumstances(Limits(2), TYPES))
    assert (free.estimated_start_at, free.estimated_finish_at) == (NOON, at(5))
    [fresh] = await store.submit(new_job("b", priority=9))
    job = await see(store, fresh)
    assert (job.estimated_start_at, job.estimated_finish_at) == (NOON, None)


async def test_a_job_that_backs_off_starts_no_sooner(store: Store) -> None:
    await do(store, "a", 5)
    [job_id] = await store.submit(new_job("a"))
    await store.settle(await store.claim(job_id), Failed(ErrorCode.KILLED, "gone"), random=0.5)
    again = (await see(store, job_id)).available_at
    assert again == at(0.75)
    job = await see(store, job_id)
    assert (job.estimated_start_at, job.estimated_finish_at) == (at(1), at(6))
    assert await see_queue(store) == (1, at(6))
    assert (await see(store, job_id, at(60))).estimated_start_at == at(60)


async def test_an_empty_queue_has_no_estimate(store: Store) -> None:
    [job_id] = await store.submit(new_job("a"))
    await store.claim(job_id)
    assert await see_queue(store) == (0, None)


async def test_a_job_that_is_over_has_no_estimate(store: Store) -> None:
    await do(store, "a", 5)
    [job_id] = await store.submit(new_job("a"))
    await store.database.write(jobs.request_cancel, store.company_id, job_id, NOON)
    job = await see(store, job_id)
    assert (job.queue_position, job.estimated_start_at, job.estimated_finish_at) == (None, None, None)


@pytest.mark.parametrize(
    ("query", "values", "index"),
    [
        (QUEUED, {}, "INDEX content_jobs_queue"),
        (AHEAD, {"priority": 0, "the_id": "x"}, "INDEX content_jobs_queue"),
        (RUNNING, {}, "INDEX content_jobs_running"),
        (BACKING_OFF, {}, "INDEX content_jobs_backing_off"),
        (LAST_DONE, {"job_type": "a"}, "INDEX content_jobs_done"),
    ],
)
async def test_no_question_looks_at_the_rows_of_all_jobs(store: Store, query: str, values: dict[str, Any], index: str) -> None:
    def plan(connection: Connection) -> list[str]:
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN QUERY PLAN {query}", values)
        return [row[3] for row in cursor.fetchall()]

    steps = await store.database.read(plan)
    assert index in steps[0]
    assert query == BACKING_OFF or len(steps) == 1  # no sorting of the whole


async def test_a_retry_is_a_row_and_an_event_with_the_old_id(store: Store) -> None:
    [old] = await store.submit(new_job("a"))
    await store.settle(await store.claim(old), Cancelled())
    [new] = await store.submit(new_job("a", retry_of=old))
    assert (await store.get(new)).retry_of == old
    [(data,)] = store.ask("SELECT data FROM events WHERE job_id = ?", new)
    assert f'"retryOf":"{old}"' in data
    missing = new_id()
    with pytest.raises(Exception, match="FOREIGN KEY"):
        await store.database.write(submissions.create, store.company_id, [new_job("a", retry_of=missing)], None, NOON)
