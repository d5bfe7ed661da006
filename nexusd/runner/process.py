"""One child process: spawned, watched, ended with its whole tree, reaped.

Spawning happens on the main thread: a fifth of a millisecond, and a child whose parent-death signal follows the thread that
made it lives as long as the daemon. The child gets its own session, the work directory as its current one, an environment
that is built from nothing, /dev/null as its input, and its limits before it has done much (prlimit, just after the exec).

Invariants: leaving `open_child` leaves no process of the attempt, and the child is reaped; both also when the caller is
cancelled or fails.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from nexusd import failpoints
from nexusd.renderers.job import PROGRESS_FD_VARIABLE
from nexusd.runner import tree
from nexusd.store.jobs import ProcessIdentity, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

logger = logging.getLogger("nexusd.runner")

OPEN_FILES_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Resource limits of one child, each process of it alone. None = no limit."""

    memory_bytes: int | None = None
    file_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Spawn:
    """What to start: an argv, and all that surrounds it."""

    attempt_id: str
    argv: Sequence[str]
    workdir: Path
    environment: Mapping[str, str]
    limits: ProcessLimits


class Child:
    """A running child. Made by `open_child`."""

    def __init__(self, process: subprocess.Popen[bytes], attempt_id: str) -> None:
        self._process = process
        self._attempt_id = attempt_id
        self._pidfd = os.pidfd_open(process.pid)
        self._usage: Usage | None = None
        # The kernel counts our own pages as the child's until its exec: a peak that is not above ours says nothing.
        self._inherited_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.identity = ProcessIdentity(tree.boot_id(), process.pid, tree.start_ticks(process.pid) or 0)

    async def wait_exited(self) -> None:
        """Return when the child has ended. Its descendants may live on, and it is not reaped yet."""
        await trio.lowlevel.wait_readable(self._pidfd)

    async def terminate(self, grace_seconds: float) -> None:
        """Send TERM to the whole tree and return when the child has ended or the grace is over."""
        with contextlib.suppress(OSError):  # no descriptors left to look with: the KILL will do
            await trio.to_thread.run_sync(tree.signal_tree, self._attempt_id, self._process.pid, signal.SIGTERM)
        with trio.move_on_after(grace_seconds):
            await self.wait_exited()

    async def end(self) -> Usage:
        """Kill whatever is left of the tree, reap the child and return how it ended.

        Cancellation: carried out all the same. Ordering: on return no process of the attempt is left.
        """
        if self._usage is None:
            with trio.CancelScope(shield=True):
                self._kill()
                # Before the reaping: until then the session's number cannot become somebody else's.
                if not await trio.to_thread.run_sync(tree.kill_tree, self._attempt_id, self._process.pid):
                    logger.error("processes of an attempt do not die", extra={"attempt": self._attempt_id})
                await self.wait_exited()
            self._usage = self._reap()
        return self._usage

    def _kill(self) -> None:
        """Kill the child itself: that needs no search, which can fail."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _reap(self) -> Usage:
        os.close(self._pidfd)
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = code = os.waitstatus_to_exitcode(status)
        return Usage(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            peak_memory_bytes=used.ru_maxrss * 1024 if used.ru_maxrss > self._inherited_peak else None,
            cpu_seconds=round(used.ru_utime + used.ru_stime, 6),
        )


@asynccontextmanager
async def open_child(spawn: Spawn, output: int, progress: int) -> AsyncIterator[Child]:
    """Start a child; on leaving, end its whole tree.

    `output` is the descriptor its log goes to, `progress` the one its progress goes to.

    Raises OSError when it cannot be started.
    """
    await failpoints.reach("runner.spawn.before")
    child = _start(spawn, output, progress)
    try:
        await failpoints.reach("runner.spawn.after")
        yield child
    finally:
        await child.end()


def _start(spawn: Spawn, output: int, progress: int) -> Child:
    process = subprocess.Popen(
        list(spawn.argv),
        cwd=spawn.workdir,
        env={**spawn.environment, PROGRESS_FD_VARIABLE: str(progress)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(progress,),
        start_new_session=True,
        umask=0o077,
    )
    try:
        _limit(process.pid, spawn.limits)
        return Child(process, spawn.attempt_id)
    except BaseException:  # nobody else knows of it yet
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _limit(pid: int, limits: ProcessLimits) -> None:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES_MAX,
        resource.RLIMIT_DATA: limits.memory_bytes,
        resource.RLIMIT_FSIZE: limits.file_bytes,
    }
    for kind, bound in wanted.items():
        if bound is not None:
            with contextlib.suppress(ProcessLookupError):  # so short a life needs no limits
                _, hard = resource.prlimit(pid, kind)
                value = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
                resource.prlimit(pid, kind, (value, value))
