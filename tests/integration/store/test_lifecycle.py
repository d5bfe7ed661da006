"""Every move of a job: by the functions of `store.jobs`, with its event in the same transaction, by the live attempt alone."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import IntegrityError

from nexusd.domain.retry import CRASHES_MAX, Cancelled, Crashed, Done, Failed, Outcome, SpawnFailed, Stopped
from nexusd.domain.states import TRANSITIONS, Action, ErrorCode, JobStatus
from nexusd.errors import AlreadyFinished, NotFound
from nexusd.store import dispatch, jobs, queries
from nexusd.store.jobs import ProcessIdentity
from tests.support.stores import NOON, Store, make_asset, new_job

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SECOND = timedelta(seconds=1)
MENDABLE = Failed(ErrorCode.KILLED, "killed by a signal")
FINAL = Failed(ErrorCode.INVALID_INPUT, "line 3: no")


async def make_claim(store: Store) -> jobs.Claim:
    [job_id] = await store.submit()
    return await store.claim(job_id)


async def finish(store: Store, claim: jobs.Claim) -> Any:
    return await store.settle(claim, Done(), [make_asset(store.company_id, job_id=claim.job.id)])


async def reject(store: Store, job_id: str) -> Any:
    summary = (await store.get(job_id)).model_copy()
    return await store.database.write(jobs.reject, summary, ErrorCode.RENDERER_UNAVAILABLE, "gone", NOON)


async def cancel(store: Store, job_id: str) -> Any:
    return await store.database.write(jobs.request_cancel, store.company_id, job_id, NOON)


MOVES: dict[tuple[JobStatus, Action], Callable[[Store, jobs.Claim], Awaitable[Any]]] = {
    (JobStatus.RUNNING, Action.FINISH): finish,
    (JobStatus.RUNNING, Action.FAIL): lambda store, claim: store.settle(claim, FINAL),
    (JobStatus.RUNNING, Action.CANCEL): lambda store, claim: store.settle(claim, Cancelled()),
    (JobStatus.RUNNING, Action.RELEASE): lambda store, claim: store.settle(claim, Stopped()),
    (JobStatus.RUNNING, Action.REQUEUE): lambda store, claim: store.settle(claim, MENDABLE),
}
STARTS: dict[tuple[JobStatus, Action], Callable[[Store, str], Awaitable[Any]]] = {
    (JobStatus.QUEUED, Action.CLAIM): lambda store, job_id: store.claim(job_id),
    (JobStatus.QUEUED, Action.CANCEL): cancel,
    (JobStatus.QUEUED, Action.REJECT): reject,
}
CHANGING = "SELECT status, attempt, attempts_used, cancel_requested_at, progress, updated_at FROM content_jobs"


async def test_every_move_of_the_domain_has_its_function_and_its_event(store: Store) -> None:
    assert {**MOVES, **STARTS}.keys() == TRANSITIONS.keys()
    for step, start in STARTS.items():
        [job_id] = await store.submit()
        await start(store, job_id)
        await check_told(store, job_id, TRANSITIONS[step])
    for step, move in MOVES.items():
        claim = await make_claim(store)
        await move(store, claim)
        await check_told(store, claim.job.id, TRANSITIONS[step])


async def check_told(store: Store, job_id: str, status: JobStatus) -> None:
    """Check that the last event tells of the job exactly as it stands."""
    query = "SELECT type, data FROM events WHERE job_id = ? AND asset_id IS NULL ORDER BY id DESC"
    kind, data = store.ask(query, job_id)[0]
    job = await store.get(job_id)
    assert (job.status, kind) == (status, f"content_job.{status}")
    told = json.loads(data)["job"]
    standing = json.loads(job.model_dump_json(by_alias=True))
    assert told == {name: standing[name] for name in told}


@pytest.mark.parametrize("step", [*MOVES, *STARTS], ids=lambda step: "-".join(step))
async def test_without_its_event_a_move_does_not_happen(store: Store, step: tuple[JobStatus, Action]) -> None:
    claim = await make_claim(store)
    [queued_id] = await store.submit()
    store.ask("CREATE TRIGGER no_events BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'no events today'); END")
    tables = ("content_jobs", "job_attempts", "events", "assets", "idempotency_keys")
    before = [store.ask(f"SELECT * FROM {table}") for table in tables]
    with pytest.raises((IntegrityError, sqlite3.IntegrityError), match="no events today"):
        await (MOVES[step](store, claim) if step in MOVES else STARTS[step](store, queued_id))
    with pytest.raises((IntegrityError, sqlite3.IntegrityError), match="no events today"):
        await store.submit()
    with pytest.raises((IntegrityError, sqlite3.IntegrityError), match="no events today"):
        await store.database.write(jobs.report_progress, claim, 0.5, None, NOON)
    with pytest.raises((IntegrityError, sqlite3.IntegrityError), match="no events today"):
        await cancel(store, claim.job.id)
    assert [store.ask(f"SELECT * FROM {table}") for table in tables] == before


async def test_an_attempt_that_is_not_the_live_one_changes_nothing(store: Store) -> None:
    first = await make_claim(store)
    await store.settle(first, Stopped())
    for _ in ("while it is queued", "while the next attempt runs", "when all is over"):
        before = store.ask(CHANGING), store.ask("SELECT * FROM job_attempts"), store.ask("SELECT max(id) FROM events")
        for outcome in (Done(), FINAL, MENDABLE, Cancelled(), Stopped(), Crashed(), SpawnFailed("x")):
            results = [make_asset(store.company_id)] if outcome == Done() else []
            assert await store.settle(first, outcome, results) is None
        assert await store.database.write(jobs.report_progress, first, 0.9, "late", NOON + SECOND) is False
        after = store.ask(CHANGING), store.ask("SELECT * FROM job_attempts"), store.ask("SELECT max(id) FROM events")
        assert after == before
        assert store.ask("SELECT * FROM assets") == []
        if (await store.get(first.job.id)).status is JobStatus.QUEUED:
            second = await store.claim(first.job.id)
            assert second.job.attempt == 2
            assert await store.database.write(jobs.claim, first.job.id, NOON) is None
        elif (await store.get(first.job.id)).status is JobStatus.RUNNING:
            await store.settle(second, FINAL)
    assert await store.database.write(jobs.claim, first.job.id, NOON) is None
    assert await reject(store, first.job.id) is None


async def play(store: Store, outcomes: list[Outcome], *, cancel_before_last: bool = False, max_attempts: int = 3) -> Any:
    """Run one job through these outcomes, and return how it stands then."""
    [job_id] = await store.submit(new_job(max_attempts=max_attempts))
    for outcome in outcomes:
        claim = await store.claim(job_id)
        if cancel_before_last and outcome is outcomes[-1]:
            answer = await cancel(store, job_id)
            assert (answer.outcome, answer.status) == ("cancelling", JobStatus.RUNNING)
        results = [make_asset(store.company_id, job_id=job_id) for _ in range(2)] if outcome == Done() else []
        settled = await store.settle(claim, outcome, results, random=0.5)
        assert settled is not None
        if results:
            assert settled.result_asset_id == results[0].id
    job = await store.get(job_id)
    assert [attempt.number for attempt in job.attempts] == list(range(1, len(outcomes) + 1))
    return job


@pytest.mark.parametrize(
    ("outcomes", "status", "code", "used", "delay"),
    [
        ([Done()], "done", None, 1, None),
        ([FINAL], "failed", "invalid_input", 1, None),
        ([MENDABLE], "queued", None, 1, 0.75),
        ([MENDABLE, MENDABLE], "queued", None, 2, 1.5),
        ([MENDABLE] * 3, "failed", "killed", 3, None),
        ([SpawnFailed("no process")] * 3, "failed", "internal", 3, None),
        ([MENDABLE, Done()], "done", None, 2, None),
        ([Cancelled()], "cancelled", None, 1, None),
        ([Stopped()] * 5, "queued", None, 0, None),
        ([Crashed()], "queued", None, 0, None),
        ([Crashed()] * (CRASHES_MAX - 1), "queued", None, 0, 1.5),
        ([Crashed()] * CRASHES_MAX, "failed", "poisoned", 0, None),
        ([Crashed(), Crashed(), Stopped(), Crashed(), Crashed()], "queued", None, 0, 1.5),
        ([Crashed(), Crashed(), MENDABLE, Crashed(), Done()], "done", None, 2, None),
    ],
)
async def test_what_follows_an_outcome(
    store: Store, outcomes: list[Outcome], status: str, code: str | None, used: int, delay: float | None
) -> None:
    job = await play(store, outcomes)
    assert (job.status, job.error_code, job.attempts_used) == (status, code, used)
    assert job.available_at == (None if delay is None else NOON + timedelta(seconds=delay))
    assert (job.finished_at is not None) == job.status.is_terminal
    assert len(job.assets) == (2 if job.status is JobStatus.DONE else 0)


@pytest.mark.parametrize(
    ("outcome", "status", "used"),
    [
        (Cancelled(), "cancelled", 1),
        (Done(), "done", 1),
        (FINAL, "failed", 1),
        (MENDABLE, "cancelled", 1),
        (Stopped(), "cancelled", 0),
        (Crashed(), "cancelled", 0),
    ],
)
async def test_a_cancel_that_waits_wins_over_another_try(store: Store, outcome: Outcome, status: str, used: int) -> None:
    job = await play(store, [outcome], cancel_before_last=True)
    assert (job.status, job.attempts_used) == (status, used)
    types = [kind for (kind,) in store.ask("SELECT type FROM events WHERE job_id = ? AND asset_id IS NULL ORDER BY id", job.id)]
    assert types == [f"content_job.{step}" for step in ("queued", "running", "cancelling", status)]


async def test_a_request_to_cancel_tells_the_truth_in_every_state(store: Store) -> None:
    [job_id] = await store.submit()
    answer = await cancel(store, job_id)
    assert (answer.outcome, answer.status) == ("cancelled", JobStatus.CANCELLED)
    claim = await make_claim(store)
    for _ in range(3):  # asked again, it says the same and tells nobody twice
        answer = await cancel(store, claim.job.id)
        assert (answer.outcome, answer.status) == ("cancelling", JobStatus.RUNNING)
    assert await store.database.read(dispatch.find_cancel_requests) == [claim.job.id]
    assert len(store.ask("SELECT 1 FROM events WHERE type = 'content_job.cancelling'")) == 1
    ends: list[tuple[Outcome, str]] = [(Done(), "done"), (FINAL, "failed"), (Cancelled(), "cancelled")]
    for outcome, status in ends:
        claim = await make_claim(store)
        await store.settle(claim, outcome, [make_asset(store.company_id)] if status == "done" else [])
        with pytest.raises(AlreadyFinished, match=f"is {status} already") as refusal:
            await cancel(store, claim.job.id)
        assert refusal.value.status == status
    with pytest.raises(NotFound):
        await cancel(store, "no-such-job")
    with pytest.raises(NotFound):
        await store.database.write(jobs.request_cancel, "another-company", claim.job.id, NOON)


async def test_the_row_of_an_attempt_says_how_its_child_is_held(store: Store) -> None:
    claim = await make_claim(store)
    await store.database.write(jobs.record_process, claim.attempt_id, ProcessIdentity("boot", 12, 345), "landlock")
    [attempt] = (await store.get(claim.job.id)).attempts
    assert attempt.containment == "landlock"


async def test_the_row_of_an_attempt_says_who_ran_and_how_it_ended(store: Store) -> None:
    claim = await make_claim(store)
    await store.database.write(jobs.record_process, claim.attempt_id, ProcessIdentity("boot", 12, 345))
    [orphan] = await store.database.read(queries.find_orphans)
    assert (orphan.claim, orphan.process) == (claim, ProcessIdentity("boot", 12, 345))
    usage = jobs.Usage(exit_code=None, signal=9, peak_memory_bytes=1024, cpu_seconds=0.25)
    message = "no text may be too long, or broken: \ud800" + "x" * jobs.MESSAGE_MAX_LENGTH
    await store.database.write(jobs.settle, claim, Failed(ErrorCode.TIMEOUT, message), usage, (), 0.0, NOON + SECOND)
    job = await store.get(claim.job.id)
    [attempt] = job.attempts
    assert attempt.containment is None
    assert (attempt.outcome, attempt.signal, attempt.peak_memory_bytes, attempt.cpu_seconds) == ("timeout", 9, 1024, 0.25)
    assert attempt.finished_at == NOON + SECOND
    assert attempt.message == job.error_message
    assert job.error_message
    assert job.error_message.startswith("no text may be too long, or broken: ?xxx")
    assert len(job.error_message) == jobs.MESSAGE_MAX_LENGTH
    assert await store.database.read(queries.find_orphans) == []


async def test_progress_is_a_row_and_an_event(store: Store) -> None:
    claim = await make_claim(store)
    assert await store.database.write(jobs.report_progress, claim, 0.25, "encoding", NOON + SECOND)
    job = await store.get(claim.job.id)
    assert (job.progress, job.progress_message, job.updated_at) == (0.25, "encoding", NOON + SECOND)
    [(data,)] = store.ask("SELECT data FROM events WHERE type = 'content_job.progress'")
    told = json.loads(data)
    assert (told["progress"], told["message"], told["attempt"], told["jobId"]) == (0.25, "encoding", 1, job.id)
    await store.settle(claim, MENDABLE)
    assert (await store.get(job.id)).progress is None
