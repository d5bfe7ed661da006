"""After kill -9 of the daemon: what it left is dead before anything starts again, strangers live, and poison is found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.domain.ids import new_id
from nexusd.domain.states import JobStatus
from nexusd.runner import tree
from nexusd.runner.recovery import recover
from nexusd.store import jobs
from nexusd.store.jobs import ProcessIdentity
from tests.support.daemons import wait_until
from tests.support.patience import HANG_SECONDS, PROMPT_SECONDS
from tests.support.processes import find_marked, find_named, find_parent, holding, is_dead
from tests.support.renderers import shell
from tests.support.runners import open_runner
from tests.support.stores import new_job, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from nexusd.runner.containment import Containment


@asynccontextmanager
async def living(directory: Path) -> AsyncIterator[tuple[trio.Process, list[int]]]:
    """Let a daemon live until its job has told us of its family; yields the daemon and the family's pids."""
    fifo = directory / "told"
    if not fifo.exists():
        os.mkfifo(fifo)
    told = trio.lowlevel.FdStream(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))
    command = [sys.executable, "-m", "tests.integration.runner.life", str(directory)]
    async with told:
        process = await trio.lowlevel.open_process(command)
        try:
            with trio.fail_after(HANG_SECONDS):
                line = b""
                while not line.endswith(b"\n"):
                    line += await told.receive_some()
            yield process, [int(pid) for pid in line.split()]
        finally:
            if process.returncode is None:
                process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


async def kill_nine(process: trio.Process) -> None:
    process.kill()
    assert await process.wait() == -signal.SIGKILL


async def kill_with_launcher(process: trio.Process, main: int) -> None:
    """Kill the daemon, and before that, behind its back, who would have ended the family for it."""
    process.send_signal(signal.SIGSTOP)
    os.kill(find_parent(main), signal.SIGKILL)
    await kill_nine(process)


@pytest.mark.slow
async def test_nothing_outlives_the_daemon(tmp_path: Path, containment: Containment) -> None:
    word = f"nx-{new_id()}"
    async with open_store(tmp_path / "nexusd.db") as store:
        [job_id] = await store.submit(new_job(input=json.dumps({"word": word})))
        command = [sys.executable, "-m", "tests.integration.runner.life", str(tmp_path), containment.level.value]
        daemon = await trio.lowlevel.open_process(command)
        try:
            await wait_until(lambda: len(find_named(word)) == 4)
            family = find_named(word) | find_marked([attempt for (attempt,) in store.ask("SELECT id FROM job_attempts")])
            with holding(family) as held:
                await kill_nine(daemon)
                with trio.fail_after(PROMPT_SECONDS):  # and nothing was started again
                    for descriptor in held.values():
                        await trio.lowlevel.wait_readable(descriptor)
        finally:
            if daemon.returncode is None:
                daemon.kill()
                await daemon.wait()
            left = find_named(word) | find_marked([attempt for (attempt,) in store.ask("SELECT id FROM job_attempts")])
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        assert left == set()
        assert (await store.get(job_id)).status is JobStatus.RUNNING
        assert await recover(store.database, tmp_path / "work") == 1
        assert (await store.get(job_id)).status is JobStatus.QUEUED
        assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("is_recorded", [True, False])
async def test_orphans_are_dead_before_their_job_is_queued_again(tmp_path: Path, is_recorded: bool) -> None:
    path = tmp_path / "nexusd.db"
    async with open_store(path) as store:
        [job_id] = await store.submit(new_job(input=json.dumps({"fifo": str(tmp_path / "told")})))
    for life in (1, 2, 3):
        async with living(tmp_path) as (daemon, pids):
            with holding(pids) as family:
                assert len(family) == 4
                await kill_with_launcher(daemon, pids[0])
                assert not any(is_dead(family[pid]) for pid in pids[1:])  # they live on without it
                async with open_store(path) as store:
                    if not is_recorded:  # as if the daemon had died before it was noted: then the mark must do
                        store.ask("UPDATE job_attempts SET boot_id = NULL, pid = NULL, pid_start_ticks = NULL")
                    assert await recover(store.database, tmp_path / "work") == 1
                    assert all(map(is_dead, family.values()))
                    job = await store.get(job_id)
                    assert (job.attempts_used, [attempt.outcome for attempt in job.attempts]) == (0, ["crashed"] * life)
                    assert list((tmp_path / "work").iterdir()) == []
                    assert await recover(store.database, tmp_path / "work") == 0
                    store.ask("UPDATE content_jobs SET available_at = NULL")  # no need to wait for the back-off
        assert job.status is (JobStatus.QUEUED if life < 3 else JobStatus.FAILED)
    assert job.error_code == "poisoned"


@pytest.mark.slow
async def test_a_job_that_was_running_at_the_crash_is_done_in_the_next_life(tmp_path: Path) -> None:
    async with open_store(tmp_path / "nexusd.db") as store:
        [job_id] = await store.submit(new_job(input=json.dumps({"fifo": str(tmp_path / "told")})))
    async with living(tmp_path) as (daemon, pids):
        with holding(pids) as family:
            await kill_nine(daemon)
            async with open_runner(tmp_path, shell("echo x > out/x.txt")) as runner:
                assert all(map(is_dead, family.values()))
                job = await runner.wait(job_id)
    assert (job.status, job.attempts_used) == (JobStatus.DONE, 1)
    assert [attempt.outcome for attempt in job.attempts] == ["crashed", "done"]


@contextmanager
def stranger() -> Iterator[ProcessIdentity]:
    """Run a process that is no child of any job, the leader of its own session."""
    with subprocess.Popen(["/bin/sleep", "600"], start_new_session=True) as process:
        try:
            yield ProcessIdentity(tree.boot_id(), process.pid, tree.start_ticks(process.pid) or 0)
        finally:
            process.kill()


@pytest.mark.parametrize("difference", ["a later start", "an earlier start", "another boot", "none: it is the child"])
async def test_a_stranger_that_has_the_childs_number_lives(tmp_path: Path, difference: str) -> None:
    with stranger() as found, holding([found.pid]) as held:
        recorded = {
            "a later start": ProcessIdentity(found.boot_id, found.pid, found.start_ticks + 1),
            "an earlier start": ProcessIdentity(found.boot_id, found.pid, found.start_ticks - 1),
            "another boot": ProcessIdentity("0" * 8, found.pid, found.start_ticks),
        }.get(difference, found)
        async with open_store(tmp_path / "nexusd.db") as store:
            [job_id] = await store.submit()
            claim = await store.claim(job_id)
            await store.database.write(jobs.record_process, claim.attempt_id, recorded)
            assert await recover(store.database, tmp_path / "work") == 1
            assert (await store.get(job_id)).status is JobStatus.QUEUED
        assert is_dead(held[found.pid]) is (recorded == found)


async def test_many_orphans_need_one_place_in_the_write_queue(tmp_path: Path) -> None:
    async with open_store(tmp_path / "nexusd.db", write_queue_length=1) as store:
        ids = await store.submit(*(new_job() for _ in range(20)))
        for job_id in ids:
            await store.claim(job_id)
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "a file").touch()
        assert await recover(store.database, tmp_path / "work") == 20
        assert store.ask("SELECT DISTINCT status, crashes FROM content_jobs") == [("queued", 1)]
        assert list((tmp_path / "work").iterdir()) == []


async def test_a_spare_of_an_earlier_life_is_killed_with_its_work_directory(tmp_path: Path) -> None:
    spare_id = new_id()
    (tmp_path / "work" / spare_id).mkdir(parents=True)
    with sleeping(spare_id) as spare, sleeping(new_id()) as stranger:
        async with open_store(tmp_path / "nexusd.db") as store:
            assert await recover(store.database, tmp_path / "work") == 0
        assert spare.wait(10) == -signal.SIGKILL
        assert stranger.poll() is None
        assert not list((tmp_path / "work").iterdir())


@contextmanager
def sleeping(mark: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that carries the mark of an attempt."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(command, env={tree.MARK: mark}, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()
