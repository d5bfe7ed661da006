"""What runs when: the limits hold, urgency and age decide, companies take turns, and nothing leaks."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from nexusd.contract.base import utc_now
from nexusd.domain.schedule import Limits
from nexusd.domain.states import JobStatus
from nexusd.store import companies
from tests.support.processes import children, count_open_files, threads
from tests.support.renderers import program, python, shell
from tests.support.runners import Runner, open_runner
from tests.support.stores import NOON, new_job, open_store

if TYPE_CHECKING:
    from pathlib import Path

HOLD = "hold(); put('x.txt')"


async def let_go(runner: Runner, job_id: str) -> None:
    """Let a child that holds go on, and wait until its job is done."""
    [pid] = await runner.wait_told(job_id)
    os.kill(pid, signal.SIGUSR1)
    job = await runner.wait(job_id)
    assert job.status is JobStatus.DONE, job


def most_at_once(runner: Runner) -> tuple[int, Counter[str]]:
    """Replay the events: how many jobs ran at once, in total and of each type."""
    total, peak, by_type, peaks = 0, 0, Counter[str](), Counter[str]()
    rows = runner.store.ask(
        "SELECT e.type, j.job_type FROM events e JOIN content_jobs j ON j.id = e.job_id"
        " WHERE e.type IN ('content_job.running', 'content_job.done') ORDER BY e.id"
    )
    for kind, job_type in rows:
        step = 1 if kind == "content_job.running" else -1
        total += step
        by_type[job_type] += step
        peak = max(peak, total)
        peaks[job_type] = max(peaks[job_type], by_type[job_type])
    return peak, peaks


@pytest.mark.slow
async def test_the_limits_hold_and_no_slot_stays_free(tmp_path: Path) -> None:
    specs = [python(HOLD, job_type) for job_type in ("a", "b", "c")]
    async with open_runner(tmp_path, *specs, total=3, per_job_type={"a": 1, "c": 0}) as runner:
        ids = {job_type: [await runner.submit(job_type=job_type) for _ in range(4)] for job_type in ("a", "b", "c")}
        for step in range(4):
            if step < 2:  # one `a` and two `b` hold; there is room for no more
                for job_id in (ids["a"][step], *ids["b"][2 * step : 2 * step + 2]):
                    await runner.wait_told(job_id)
                assert len(runner.find_processes()) == 3
                for job_id in ids["b"][2 * step : 2 * step + 2]:
                    await let_go(runner, job_id)
            await runner.wait_told(ids["a"][step])
            await let_go(runner, ids["a"][step])
        statuses = Counter(status for (status,) in runner.store.ask("SELECT status FROM content_jobs"))
        assert statuses == {"done": 8, "queued": 4}
        peak, peaks = most_at_once(runner)
    assert (peak, peaks) == (3, {"a": 1, "b": 2})


@pytest.mark.slow
async def test_urgency_then_turns_then_age(tmp_path: Path) -> None:
    spec = shell("echo x > out/x.txt")
    async with open_store(tmp_path / "nexusd.db") as store:
        other = (await store.database.write(companies.create, "other", None, NOON)).id
        plain = await store.submit(*(new_job() for _ in range(3)))
        late = await store.submit(new_job(priority=-1))
        theirs = await store.submit(*(new_job() for _ in range(2)), company_id=other)
        urgent = await store.submit(new_job(priority=5), new_job(priority=9))
        async with open_runner(tmp_path, spec, total=1, store=store) as runner:
            await runner.wait(late[0])
        order = [job for (job,) in store.ask("SELECT job_id FROM events WHERE type = 'content_job.running' ORDER BY id")]
    assert order == [urgent[1], urgent[0], *plain, *theirs, late[0]]


@pytest.mark.slow
async def test_companies_take_turns_when_there_is_more_than_one_slot(tmp_path: Path) -> None:
    async with open_store(tmp_path / "nexusd.db") as store:
        other = (await store.database.write(companies.create, "other", None, NOON)).id
        mine = await store.submit(*(new_job() for _ in range(3)))
        [theirs] = await store.submit(company_id=other)
        async with open_runner(tmp_path, python(HOLD), total=2, store=store) as runner:
            await let_go(runner, mine[0])  # then it is the turn of the company that has fewer running
            await runner.wait_told(mine[1])
        started = [job for (job,) in store.ask("SELECT job_id FROM events WHERE type = 'content_job.running' ORDER BY id")]
        assert set(started[:2]) == {mine[0], theirs}
        assert started[2:] == [mine[1]]


def started(runner: Runner) -> list[str]:
    """Return the jobs that were started, in that order."""
    query = "SELECT job_id FROM events WHERE type = 'content_job.running' ORDER BY id"
    return [job_id for (job_id,) in runner.store.ask(query)]


@pytest.mark.slow
async def test_a_heavy_job_takes_its_slots_and_is_not_overtaken_by_light_ones(tmp_path: Path) -> None:
    specs = [python(HOLD, job_type) for job_type in ("light", "heavy")]
    async with open_runner(tmp_path, *specs, running=Limits(3, slots_per_job_type={"heavy": 2})) as runner:
        first, second = [await runner.submit(job_type="light") for _ in range(2)]
        for job_id in (first, second):
            await runner.wait_told(job_id)
        heavy = await runner.submit(job_type="heavy")
        third, fourth = [await runner.submit(job_type="light") for _ in range(2)]  # one slot is free all the while
        await let_go(runner, first)
        await runner.wait_told(heavy)
        await let_go(runner, second)
        await runner.wait_told(third)
        assert len(runner.find_processes()) == 2
        assert (await runner.store.get(fourth)).status is JobStatus.QUEUED
        await let_go(runner, heavy)
        await runner.wait_told(fourth)
        assert started(runner) == [first, second, heavy, third, fourth]


@pytest.mark.slow
async def test_a_job_heavier_than_all_slots_runs_alone(tmp_path: Path) -> None:
    specs = [python(HOLD, job_type) for job_type in ("light", "heavy")]
    async with open_runner(tmp_path, *specs, running=Limits(2, slots_per_job_type={"heavy": 9})) as runner:
        first = await runner.submit(job_type="light")
        heavy = await runner.submit(job_type="heavy", priority=-1)
        await let_go(runner, first)
        await runner.wait_told(heavy)
        last = await runner.submit(job_type="light")
        await let_go(runner, heavy)
        await let_go(runner, last)
        assert started(runner) == [first, heavy, last]
        ends = {job_id: (await runner.store.get(job_id)).finished_at for job_id in (first, heavy)}
        for earlier, later in ((first, heavy), (heavy, last)):
            began = (await runner.store.get(later)).started_at
            ended = ends[earlier]
            assert began is not None
            assert ended is not None
            assert began >= ended


@pytest.mark.slow
async def test_a_company_has_no_more_than_its_share_even_of_free_slots(tmp_path: Path) -> None:
    async with open_store(tmp_path / "nexusd.db") as store:
        other = (await store.database.write(companies.create, "other", None, NOON)).id
        mine = await store.submit(*(new_job(priority=9) for _ in range(2)))
        [theirs] = await store.submit(company_id=other)
        async with open_runner(tmp_path, python(HOLD), running=Limits(3, per_company=1), store=store) as runner:
            await runner.wait_told(mine[0])
            [(pid,)] = store.ask("SELECT progress_message FROM content_jobs WHERE id = ?", mine[0])
            os.kill(int(pid), signal.SIGUSR1)
            await runner.wait_told(mine[1])
            assert started(runner) == [mine[0], theirs, mine[1]]


@pytest.mark.slow
async def test_what_is_paused_does_not_start_and_what_runs_goes_on(tmp_path: Path) -> None:
    specs = [python(HOLD, "a"), python(HOLD, "b")]
    async with open_runner(tmp_path, *specs, total=2) as runner:
        first, second = [await runner.submit(job_type="a", priority=9) for _ in range(2)]
        for job_id in (first, second):
            await runner.wait_told(job_id)
        third = await runner.submit(job_type="a", priority=9)
        await runner.pause("a")
        await let_go(runner, first)
        other = await runner.submit(job_type="b")
        await let_go(runner, other)  # the pool has looked, and passed over a more urgent job
        assert (await runner.store.get(second)).status is JobStatus.RUNNING
        assert (await runner.store.get(third)).status is JobStatus.QUEUED
        await runner.resume("a")
        await let_go(runner, third)
        assert started(runner) == [first, second, other, third]


@pytest.mark.slow
async def test_a_resume_wakes_the_pool_without_any_event(tmp_path: Path) -> None:
    async with open_runner(tmp_path, shell("echo x > out/x.txt")) as runner:
        for _ in range(5):
            await runner.pause()
            job_id = await runner.submit()
            await runner.pause("script")
            await runner.resume()  # lifts the one of the whole queue alone
            await trio.testing.wait_all_tasks_blocked()
            assert (await runner.store.get(job_id)).status is JobStatus.QUEUED
            resumed_at = utc_now()
            await runner.resume("script")
            job = await runner.wait(job_id)
            assert job.status is JobStatus.DONE
            assert job.started_at is not None
            assert job.started_at >= resumed_at


@pytest.mark.slow
async def test_a_job_that_backs_off_leaves_its_slot_to_others(tmp_path: Path) -> None:
    specs = [shell("exit 71", "memory"), shell("echo x > out/x.txt", "quick")]
    async with open_runner(tmp_path, *specs, total=1) as runner:
        first = await runner.submit(job_type="memory", max_attempts=2, priority=9)
        waiting = await runner.wait(first, lambda job: job.available_at is not None)
        assert (waiting.status, waiting.attempts_used) == (JobStatus.QUEUED, 1)
        second = await runner.run(job_type="quick")
        assert second.status is JobStatus.DONE
        assert (await runner.store.get(first)).status is JobStatus.QUEUED
        job = await runner.wait(first)
        assert (job.status, job.error_code, job.attempts_used) == (JobStatus.FAILED, "out_of_memory", 2)
        assert waiting.available_at is not None
        assert job.attempts[1].started_at >= waiting.available_at


@pytest.mark.slow
async def test_a_busy_store_is_borne(tmp_path: Path) -> None:
    async with open_store(tmp_path / "nexusd.db", write_queue_length=1) as store:
        ids = await store.submit(*(new_job() for _ in range(4)))  # before the pool competes for the only place in the queue
        async with open_runner(tmp_path, shell("echo x > out/x.txt"), total=2, store=store) as runner:
            for job_id in ids:
                assert (await runner.wait(job_id)).status is JobStatus.DONE


@pytest.mark.slow
async def test_fifty_attempts_leak_nothing(tmp_path: Path) -> None:
    before = count_open_files(), threads(), children()
    spec = python("hide(); print('x'); tell(0.5, 'x'); sys.exit(65 if INPUT['fails'] else put('x.txt'))")
    async with open_runner(tmp_path, spec, shell("sleep 600", "slow"), program(["/no/such"], "missing"), total=4) as runner:
        await runner.run(input={"fails": False})
        open_files = count_open_files()
        statuses = Counter[str]()

        async def run(number: int) -> None:
            if number % 5 == 4:
                job_id = await runner.submit(job_type="slow" if number % 2 else "missing")
                await runner.wait(job_id, lambda job: job.status is not JobStatus.QUEUED)
                if number % 2:
                    await runner.cancel(job_id)
                job = await runner.wait(job_id)
            else:
                job = await runner.run(input={"fails": number % 5 == 0})
            statuses[job.error_code or job.status] += 1

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(run, number)
        assert statuses == {"invalid_input": 10, "renderer_unavailable": 5, "cancelled": 5, "done": 30}
        assert runner.find_processes() == set()
        assert count_open_files() <= open_files + 2 * 4  # readers' connections, opened when first needed
        assert children() == before[2]
        assert list((tmp_path / "work").iterdir()) == []
    assert (count_open_files(), threads(), children()) == before
