"""However an attempt ends, its whole tree is dead before its outcome is known, and the outcome is the right one."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

import pytest
import trio

from nexusd.domain.states import JobStatus
from nexusd.runner import tree
from nexusd.runner.recovery import recover
from tests.support.patience import HANG_SECONDS
from tests.support.processes import holding, is_dead
from tests.support.renderers import python
from tests.support.runners import Runner, open_runner
from tests.support.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from nexusd.contract.jobs import Job

FAMILY = """
def stubborn():
    ignore_term()
    wait()
pids = [hide(session=False), hide(), hide(do=stubborn)]
"""
"""Grandchildren whose parent has gone: in our session, in one of their own, and one that also ignores TERM."""
TELL = 'tell(0.5, " ".join(map(str, [os.getpid(), *pids])))\n'
OBEDIENT = FAMILY + TELL + "wait()"
DEAF = FAMILY + "ignore_term()\n" + TELL + "wait()"
STOPPED = FAMILY + TELL + "os.kill(os.getpid(), signal.SIGSTOP)\n"
TIDY = FAMILY + "signal.signal(signal.SIGTERM, lambda *_: (put('x.txt'), sys.exit(0)))\n" + TELL + "wait()"


async def cancel(runner: Runner, job_id: str) -> None:
    assert (await runner.cancel(job_id)).outcome == "cancelling"


async def stop(runner: Runner, _job_id: str) -> None:
    await runner.stop()


async def go_on(runner: Runner, job_id: str) -> None:
    """Let the child end by itself."""
    pids = await runner.wait_told(job_id)
    os.kill(pids[0], signal.SIGUSR1)


async def wait_timeout(_runner: Runner, _job_id: str) -> None:
    """Do nothing: the time runs out."""


async def kill(runner: Runner, job_id: str) -> None:
    pids = await runner.wait_told(job_id)
    os.kill(pids[0], signal.SIGKILL)


WAITING = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n" + FAMILY + TELL + "signal.sigwait([signal.SIGUSR1])\n"
ENDINGS: dict[str, tuple[str, Callable[[Runner, str], Awaitable[None]], float, JobStatus, str]] = {
    "it succeeds": (WAITING + "put('x.txt')", go_on, 60, JobStatus.DONE, "done"),
    "it fails": (WAITING + "sys.exit(65)", go_on, 60, JobStatus.FAILED, "invalid_input"),
    "it is killed from outside": (OBEDIENT, kill, 60, JobStatus.FAILED, "killed"),
    "the time is over": (OBEDIENT, wait_timeout, 1.5, JobStatus.FAILED, "timeout"),
    "the time is over, TERM is ignored": (DEAF, wait_timeout, 1.5, JobStatus.FAILED, "timeout"),
    "the time is over, it is stopped": (STOPPED, wait_timeout, 1.5, JobStatus.FAILED, "timeout"),
    "it is cancelled": (OBEDIENT, cancel, 60, JobStatus.CANCELLED, "cancelled"),
    "it is cancelled and leaves a result": (TIDY, cancel, 60, JobStatus.CANCELLED, "cancelled"),
    "it is cancelled, TERM is ignored": (DEAF, cancel, 60, JobStatus.CANCELLED, "cancelled"),
    "it is cancelled, it is stopped": (STOPPED, cancel, 60, JobStatus.CANCELLED, "cancelled"),
    "the daemon stops": (OBEDIENT, stop, 60, JobStatus.QUEUED, "stopped"),
    "the daemon stops, TERM is ignored": (DEAF, stop, 60, JobStatus.QUEUED, "stopped"),
    "the daemon stops, it is stopped": (STOPPED, stop, 60, JobStatus.QUEUED, "stopped"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDINGS)
async def test_no_process_outlives_its_attempt(tmp_path: Path, name: str) -> None:
    code, act, timeout_seconds, status, outcome = ENDINGS[name]
    # the time must not be over before the child has told us of its family, however busy the machine is
    spec = python(code, default_timeout_seconds=timeout_seconds)
    grace_seconds = 60 if code in (OBEDIENT, TIDY) else 0.1
    async with open_runner(tmp_path, spec, terminate_grace_seconds=grace_seconds) as runner:
        dead: dict[int, bool] = {}
        job_id = await runner.submit(max_attempts=1)
        with holding(await runner.wait_told(job_id)) as family:
            assert len(family) == 4
            await act(runner, job_id)
            job = await runner.wait(job_id, lambda job: job.status is not JobStatus.RUNNING)
            dead = {pid: is_dead(descriptor) for pid, descriptor in family.items()}
        assert all(dead.values()), dead
        assert runner.find_processes() == set()
        assert (job.status, job.attempts[0].outcome) == (status, outcome)
        check_counted(job)
        assert list((tmp_path / "work").iterdir()) == []
        if act is stop:
            assert (job.attempts_used, job.available_at, job.progress) == (0, None, None)
        if code in (DEAF, STOPPED):
            assert job.attempts[0].signal == signal.SIGKILL
        elif code == OBEDIENT and act is not kill:
            assert job.attempts[0].signal == signal.SIGTERM


def check_counted(job: Job) -> None:
    assert job.attempts_used == (0 if job.status is JobStatus.QUEUED else 1)
    assert (job.finished_at is not None) == job.status.is_terminal


ESCAPE = """
# leaves the session and the environment behind, and keeps our output open
pid = hide(do=lambda: os.execve("/bin/sleep", ["sleep", "600"], {}))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
put("x.txt")
print("last words", flush=True)
tell(0.5, f"{pid} {os.getpid()}")
signal.sigwait([signal.SIGUSR1])
"""


@pytest.mark.slow
async def test_who_would_escape_and_holds_the_output_is_dead_too(tmp_path: Path) -> None:
    async with open_runner(tmp_path, python(ESCAPE)) as runner:
        job_id = await runner.submit()
        escaped, program = await runner.wait_told(job_id)
        with holding([escaped]) as held:
            os.kill(program, signal.SIGUSR1)
            job = await runner.wait(job_id)
            assert job.status is JobStatus.DONE
            assert is_dead(held[escaped])
            assert runner.log(job_id) == b"last words\n"


@pytest.mark.slow
async def test_a_cancel_reaches_a_job_in_every_state(tmp_path: Path) -> None:
    async with open_runner(tmp_path, python("hold(); put('x.txt')"), total=1) as runner:
        first, second = await runner.submit(), await runner.submit()
        [pid] = await runner.wait_told(first)
        assert (await runner.cancel(second)).outcome == "cancelled"
        assert (await runner.cancel(first)).outcome == "cancelling"
        assert (await runner.wait(first)).status is JobStatus.CANCELLED
        assert (await runner.wait(second)).attempts == []
        third = await runner.submit()
        [pid] = await runner.wait_told(third)
        os.kill(pid, signal.SIGUSR1)
        assert (await runner.wait(third)).status is JobStatus.DONE


@pytest.mark.slow
async def test_jobs_that_a_stop_put_back_run_again(tmp_path: Path) -> None:
    spec = python("hold(); put('x.txt')")
    async with open_runner(tmp_path, spec) as runner:
        ids = [await runner.submit() for _ in range(4)]
        for job_id in ids[:2]:
            await runner.wait_told(job_id)
        await runner.stop()
        assert {status for (status,) in runner.store.ask("SELECT status FROM content_jobs")} == {"queued"}
    async with open_runner(tmp_path, spec) as runner:
        for job_id in ids:
            [pid] = await runner.wait_told(job_id)
            os.kill(pid, signal.SIGUSR1)
            job = await runner.wait(job_id)
            assert (job.status, job.attempts_used) == (JobStatus.DONE, 1)
            assert [attempt.outcome for attempt in job.attempts] == (["stopped"] if job_id in ids[:2] else []) + ["done"]


@pytest.mark.slow
async def test_a_cancelled_pool_leaves_no_process(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery, open_runner(tmp_path, python(OBEDIENT)) as runner:
        job_id = await runner.submit()
        with holding(await runner.wait_told(job_id)) as family:
            nursery.cancel_scope.cancel()
            await runner_cancelled(runner, family)
    assert nursery.cancel_scope.cancelled_caught


async def runner_cancelled(runner: Runner, family: dict[int, int]) -> None:
    with trio.CancelScope(shield=True), trio.fail_after(HANG_SECONDS):
        for descriptor in family.values():
            await trio.lowlevel.wait_readable(descriptor)
    assert runner.store.ask("SELECT status FROM content_jobs") == [("running",)]  # for recovery to find


@pytest.mark.slow
async def test_a_child_whose_limits_cannot_be_set_does_not_run_on(tmp_path: Path) -> None:
    async with open_runner(tmp_path, python("wait()", memory_max_bytes=2**70)) as runner:
        job = await runner.run(max_attempts=1)
        assert (job.status, job.error_code) == (JobStatus.FAILED, "internal")
        assert runner.find_processes() == set()


class Heard(logging.Handler):
    """Waits until the daemon logs that an outcome cannot be stored."""

    def __init__(self) -> None:
        super().__init__()
        self.event = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "an outcome cannot be stored yet":
            self.event.set()


@pytest.mark.slow
@pytest.mark.parametrize("heals", [True, False])
async def test_an_outcome_waits_for_a_full_disk_and_a_stop_does_not(tmp_path: Path, heals: bool) -> None:
    spec = python("hold(); print('x' * 8000); sys.exit(1)")  # a failure whose message needs room in the database
    heard = Heard()
    logging.getLogger("nexusd.runner").addHandler(heard)
    try:
        async with open_runner(tmp_path, spec) as runner:
            job_id = await runner.submit()
            [pid] = await runner.wait_told(job_id)
            await runner.store.database.write(limit_pages, 1)
            os.kill(pid, signal.SIGUSR1)
            with trio.fail_after(HANG_SECONDS):
                await heard.event.wait()
            if heals:
                await runner.store.database.write(limit_pages, 10_000)
                assert (await runner.wait(job_id)).error_code == "renderer_failed"
            else:
                await runner.stop()
                assert runner.store.ask("SELECT status FROM content_jobs") == [("running",)]
    finally:
        logging.getLogger("nexusd.runner").removeHandler(heard)
    if not heals:
        async with open_store(tmp_path / "nexusd.db") as store:
            assert await recover(store.database, tmp_path / "work") == 1
            assert (await store.get(job_id)).status is JobStatus.QUEUED


def limit_pages(connection: Connection, count: int) -> None:
    """Let the database have so many pages; never fewer than it has."""
    connection.exec_driver_sql(f"PRAGMA max_page_count = {count}")


def test_a_process_without_descriptors_to_look_with_is_not_called_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: object) -> list[str]:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(tree, "PASSES_MAX", 2)
    monkeypatch.setattr(os, "listdir", refuse)
    assert tree.kill_tree("no-such-attempt", None) is False
