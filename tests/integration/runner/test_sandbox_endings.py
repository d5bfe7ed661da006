"""However an attempt ends, at each level: its whole family is dead when the outcome is stored, and the outcome is right.

The family: grandchildren whose parents have gone, in sessions of their own, with an environment that was cleaned, deaf to TERM.
They are found by a word in their command line, from outside of whatever holds them.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
import trio

from nexusd.domain.ids import new_id
from nexusd.domain.states import JobStatus
from nexusd.runner.containment import Level
from tests.support.daemons import wait_until
from tests.support.processes import children, find_marked, find_named, find_parent
from tests.support.renderers import python
from tests.support.runners import Runner, open_runner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from nexusd.contract.jobs import Job
    from nexusd.runner.containment import Containment

pytestmark = pytest.mark.slow

FAMILY_SIZE: Final = 4
FAMILY: Final = """
def sleep(environment):
    os.execve("/bin/sleep", [INPUT["word"], "600"], environment)
def sleep_deaf():
    ignore_term()
    sleep({})
def sleep_stopped():
    if os.fork():
        sleep({})
    os.kill(os.getpid(), signal.SIGSTOP)
os.mkfifo("gate")
hide(session=False, do=lambda: sleep(os.environ))
hide(do=lambda: sleep({}))
hide(do=sleep_deaf)
hide(do=lambda: sleep_stopped() if INPUT.get("stopped") else sleep({}))
"""
GATE: Final = "open('gate').read(1)\n"
OBEDIENT: Final = FAMILY + GATE
DEAF: Final = FAMILY + "ignore_term()\n" + GATE
STOPPED: Final = FAMILY + "os.kill(os.getpid(), signal.SIGSTOP)\n"


@dataclass(frozen=True)
class Running:
    """A job whose family is there."""

    runner: Runner
    job_id: str
    word: str

    @property
    def attempt_id(self) -> str:
        """The one attempt."""
        [(attempt_id,)] = self.runner.store.ask("SELECT id FROM job_attempts")
        return str(attempt_id)

    def program(self) -> int:
        """The renderer itself, as the machine numbers it."""
        [pid] = find_marked([self.attempt_id]) & find_named(sys.executable) - find_named("nexusd-init")
        return pid

    async def open_gate(self) -> None:
        """Let the renderer go on."""
        gate = self.runner.directory / "work" / self.attempt_id / "gate"
        await trio.to_thread.run_sync(gate.write_text, "x")


async def go_on(running: Running) -> None:
    await running.open_gate()


async def cancel(running: Running) -> None:
    assert (await running.runner.cancel(running.job_id)).outcome == "cancelling"


async def stop(running: Running) -> None:
    await running.runner.stop()


async def wait(_running: Running) -> None:
    """The time runs out."""


async def kill_program(running: Running) -> None:
    os.kill(running.program(), signal.SIGKILL)


async def kill_parent(running: Running) -> None:
    """Kill what waits for the renderer: process 1 of its namespace, or the launcher."""
    os.kill(find_parent(running.program()), signal.SIGKILL)


async def kill_holder(running: Running) -> None:
    """Kill our own child: bubblewrap, or the launcher."""
    pid = running.program()
    ours = children()
    while pid not in ours:
        pid = find_parent(pid)
    os.kill(pid, signal.SIGKILL)


Ending = tuple[str, "Callable[[Running], Awaitable[None]]", float, JobStatus, str, int | None, int | None]
ENDINGS: Final[dict[str, Ending]] = {
    # the code, what is done, the timeout, the job's status, the outcome, the exit code, the signal
    "it succeeds": (OBEDIENT + "put('x.txt')", go_on, 60, JobStatus.DONE, "done", 0, None),
    "it fails": (OBEDIENT + "sys.exit(65)", go_on, 60, JobStatus.FAILED, "invalid_input", 65, None),
    "it crashes": (OBEDIENT + "os.abort()", go_on, 60, JobStatus.FAILED, "renderer_failed", None, 6),
    "it is killed": (OBEDIENT, kill_program, 60, JobStatus.FAILED, "killed", None, 9),
    "its parent is killed": (OBEDIENT, kill_parent, 60, JobStatus.FAILED, "killed", None, 9),
    "its holder is killed": (OBEDIENT, kill_holder, 60, JobStatus.FAILED, "killed", None, 9),
    "the time is over": (OBEDIENT, wait, 2, JobStatus.FAILED, "timeout", None, 15),
    "the time is over, it is deaf": (DEAF, wait, 2, JobStatus.FAILED, "timeout", None, 9),
    "the time is over, it is stopped": (STOPPED, wait, 2, JobStatus.FAILED, "timeout", None, 9),
    "it is cancelled": (OBEDIENT, cancel, 60, JobStatus.CANCELLED, "cancelled", None, 15),
    "it is cancelled, it is deaf": (DEAF, cancel, 60, JobStatus.CANCELLED, "cancelled", None, 9),
    "the daemon stops": (OBEDIENT, stop, 60, JobStatus.QUEUED, "stopped", None, 15),
    "the daemon stops, it is stopped": (STOPPED, stop, 60, JobStatus.QUEUED, "stopped", None, 9),
}
ESCAPES: Final = {Level.LANDLOCK: {"its parent is killed", "its holder is killed"}}
ESCAPES[Level.LIMITS] = ESCAPES[Level.LANDLOCK]
"""Without its launcher a process that left the session and cleaned its environment is nobody's."""


@pytest.mark.parametrize("name", ENDINGS)
async def test_nothing_outlives_its_attempt(tmp_path: Path, containment: Containment, name: str) -> None:
    code, act, timeout_seconds, status, outcome, exit_code, number = ENDINGS[name]
    spec = python(code, default_timeout_seconds=timeout_seconds)
    word = f"nx-{new_id()}"
    async with open_runner(tmp_path, spec, containment=containment, terminate_grace_seconds=0.3) as runner:
        job_id = await runner.submit(max_attempts=1, input={"word": word})
        await wait_until(lambda: len(find_named(word)) == FAMILY_SIZE)
        await act(Running(runner, job_id, word))
        job = await runner.wait(job_id, lambda job: job.status is not JobStatus.RUNNING)
        left = find_named(word) | runner.find_processes()
        try:
            assert len(left) == (3 if name in ESCAPES.get(containment.level, ()) else 0)
        finally:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        assert (job.status, job.attempts[0].outcome) == (status, outcome), job
        assert (job.attempts[0].exit_code, job.attempts[0].signal) == (exit_code, number)
        check_usage(job, is_known=name not in ESCAPES.get(containment.level, ()))
        assert list((tmp_path / "work").iterdir()) == []
        assert children() == set()


def check_usage(job: Job, *, is_known: bool) -> None:
    attempt = job.attempts[0]
    if is_known:
        assert attempt.cpu_seconds is not None
        assert 0 < attempt.cpu_seconds < 10
