"""Pauses: kept, lifted, durable, and nothing of them is claimed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nexusd.contract.pauses import QueuePause
from nexusd.domain.rules import Pause
from nexusd.domain.schedule import Limits, RunningJob
from nexusd.store import dispatch, pauses, queries
from tests.support.stores import NOON, Store, new_job, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOUR = timedelta(hours=1)


async def find(store: Store) -> list[Pause]:
    return await store.database.read(pauses.find_pauses)


async def take(
    store: Store, job_types: Sequence[str], limits: Limits | None = None, running: Sequence[RunningJob] = ()
) -> list[str]:
    """Return the jobs that the pool would start now."""
    turn = await store.database.write(dispatch.take_turn, job_types, running, limits or Limits(9), NOON)
    return [claim.job.id for claim in turn.claims]


async def test_a_pause_is_kept_until_it_is_lifted(tmp_path: Path) -> None:
    path = tmp_path / "nexusd.db"
    async with open_store(path) as store:
        assert await find(store) == []
        await store.database.write(pauses.pause, "b", "tools are \x1b[31m mended", NOON)
        await store.database.write(pauses.pause, None, None, NOON + HOUR)
        await store.database.write(pauses.pause, "a", None, NOON)
    async with open_store(path) as store:
        kept = [Pause(None, None, NOON + HOUR), Pause("a", None, NOON), Pause("b", "tools are \x1b[31m mended", NOON)]
        assert await find(store) == kept
        counts = await store.database.read(queries.count)
        assert counts.paused == [QueuePause(job_type=p.job_type, reason=p.reason, paused_at=p.paused_at) for p in kept]
        await store.database.write(pauses.resume, None)
        assert await find(store) == kept[1:]
        await store.database.write(pauses.resume, "b")
        await store.database.write(pauses.resume, "b")
        await store.database.write(pauses.resume, "never paused")
        assert await find(store) == kept[1:2]
        await store.database.write(pauses.pause, None, None, NOON)
        await store.database.write(pauses.resume_all)
        assert await find(store) == []


async def test_to_pause_twice_keeps_the_first_time(store: Store) -> None:
    for job_type in (None, "a"):
        await store.database.write(pauses.pause, job_type, "why", NOON)
        await store.database.write(pauses.pause, job_type, None, NOON + HOUR)
        assert Pause(job_type, "why", NOON) in await find(store)
        await store.database.write(pauses.pause, job_type, "better said", NOON + HOUR)
        assert Pause(job_type, "better said", NOON) in await find(store)


async def test_nothing_that_is_paused_is_claimed(store: Store) -> None:
    [a] = await store.submit(new_job("a", priority=9))
    [b] = await store.submit(new_job("b"))
    await store.database.write(pauses.pause, None, None, NOON)
    assert await take(store, ["a", "b"]) == []
    await store.database.write(pauses.resume, None)
    await store.database.write(pauses.pause, "a", None, NOON)
    assert await take(store, ["a", "b"]) == [b]
    await store.database.write(pauses.resume, "a")
    assert await take(store, ["a", "b"]) == [a]


async def test_enough_jobs_are_offered_for_what_is_free(store: Store) -> None:
    heavy = await store.submit(*(new_job("heavy", priority=9) for _ in range(3)))
    light = await store.submit(*(new_job("light") for _ in range(8)))
    limits = Limits(10, {"heavy": 2}, slots_per_job_type={"heavy": 3})
    assert await take(store, ["heavy", "light"], limits, [RunningJob("nobody", "light")] * 2) == [*heavy[:2], *light[:2]]


async def test_the_state_of_the_queue_is_of_one_moment(store: Store) -> None:
    ids = await store.submit(*(new_job() for _ in range(4)))
    for job_id in ids[:1]:
        await store.claim(job_id)
    await store.database.write(pauses.pause, "a", "why", NOON)
    state = await store.database.read(pauses.get_state)
    assert (state.running, state.queued) == (1, 3)
    assert state.paused == [QueuePause(job_type="a", reason="why", paused_at=NOON)]


async def test_a_job_type_is_heard_of_by_its_jobs_and_its_pause(store: Store) -> None:
    await store.submit(new_job("of a job"))
    await store.database.write(pauses.pause, "of a pause", None, NOON)
    await store.database.write(pauses.pause, None, None, NOON)
    for job_type, is_known in (("of a job", True), ("of a pause", True), ("of nothing", False)):
        assert await store.database.read(pauses.is_heard_of, job_type) is is_known


async def test_only_work_that_can_start_one_day_keeps_the_daemon(store: Store) -> None:
    [job_id] = await store.submit(new_job("gone"))
    assert not await store.database.read(queries.has_active_jobs, ["a", "b"])
    assert not await store.database.read(queries.has_active_jobs, [])
    assert await store.database.read(queries.has_active_jobs, ["a", "gone"])
    await store.claim(job_id)
    assert await store.database.read(queries.has_active_jobs, [])
