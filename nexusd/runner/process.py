"""One child process, held by a sandbox or a supervisor: started, let go, ended with its whole tree, reaped.

What is started is never the program itself but what holds it: bubblewrap, whose process 1 ends with all that is in its
namespace, or our launcher, the subreaper of all that descends from it. Both bring the program to where it is about to run and
wait; then its limits are set from outside, and it is told to go on. So no program runs a single instruction unlimited.

Spawning happens on the main thread: a fifth of a millisecond, and a child whose parent-death signal follows the thread that
made it lives as long as the daemon. The program gets its own session, the work directory as its current one, an environment
that is built from nothing, and /dev/null as its input.

Invariants: leaving `open_child` leaves no process of the attempt, and what was started is reaped; both also when the caller is
cancelled or fails.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import trio

from nexusd.renderers.job import PROGRESS_FD_VARIABLE
from nexusd.runner import limits, tree
from nexusd.runner.pipes import Pipe
from nexusd.store.jobs import ProcessIdentity, Usage

if TYPE_CHECKING:
    import resource
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from nexusd.runner.limits import ProcessLimits

logger = logging.getLogger("nexusd.runner")

GO: Final = b"go\n"
REPORT_MAX_BYTES: Final = 4096
SHOWN_MAX_BYTES: Final = 100
START_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Spawn:
    """What to start: a program by its absolute path, and all that surrounds it. `reads` can be read besides the system.

    `shown` are files to be seen, read-only, at a name in the work directory; only bubblewrap can do that. `inherited` are
    descriptors that it gets besides those of every child.
    """

    attempt_id: str
    argv: Sequence[str]
    workdir: Path
    environment: Mapping[str, str]
    limits: ProcessLimits
    reads: Sequence[str] = ()
    shown: Sequence[tuple[Path, str]] = ()
    network: bool = False
    inherited: Sequence[int] = ()


class Child(ABC):
    """A running child, and what holds it. Made by `open_child`."""

    counts_processes = False
    """Whether it has a user namespace of its own."""
    outlives_daemon = True
    """Whether something of it might live on when the daemon is killed: then the next life must know of its process at once."""
    holders = 1
    """How many processes of ours hold the program: in a cgroup they are counted too."""

    def __init__(self, spawn: Spawn) -> None:
        self.spawn = spawn
        self._report: Pipe | None = None
        self._said = b""
        self._usage: Usage | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self.leader: int | None = None
        """The leader of its session; until that is known, of the session of what holds it."""
        self.pids: Sequence[int] = ()
        """The processes whose limits were set: the program, and what else of ours is in its place."""
        self.refusal: OSError | None = None
        """Why the program was not run after all, known at the end."""

    @property
    def root(self) -> int:
        """The process that all of the tree descends from for ever: whoever loses a parent comes to it."""
        assert self._process is not None
        return self._process.pid

    @property
    def identity(self) -> ProcessIdentity:
        """The leader, for a later life of the daemon to find."""
        assert self.leader is not None
        return ProcessIdentity(tree.boot_id(), self.leader, tree.start_ticks(self.leader) or 0)

    def start(self, output: int, progress: int, go: int, group: Path | None) -> None:
        """Start what holds the child, in a cgroup if one is given.

        Raises OSError; its errno is never one that would blame the program.
        """
        self._report = report = Pipe()
        argv = [*self.command(report.writing, progress), *self.spawn.argv]
        try:
            process = subprocess.Popen(
                argv if group is None else limits.run_in_group(group, argv),
                cwd=self.spawn.workdir,
                env={**self.spawn.environment, **self.variables(), PROGRESS_FD_VARIABLE: str(progress)},
                stdin=go,
                stdout=output,
                stderr=output,
                pass_fds=(progress, report.writing, *self.spawn.inherited),
                start_new_session=True,
                umask=0o077,
            )
        except OSError as error:
            raise OSError(errno.EAGAIN, f"{error.filename or 'fork'}: {error.strerror}") from error
        finally:
            report.close_writing()
        try:
            self._pidfd = os.pidfd_open(process.pid)
        except BaseException:  # nobody else knows of it yet; what it holds dies with it
            process.kill()
            process.wait()
            raise
        self._process = process
        self.leader = process.pid

    @abstractmethod
    def command(self, report: int, progress: int) -> list[str]:
        """Return the command line of what holds the program, up to the program's own."""

    @abstractmethod
    def variables(self) -> dict[str, str]:
        """Return what the environment holds because of where the program runs."""

    @abstractmethod
    async def wait_ready(self, said: Pipe) -> list[int]:
        """Return when the program is about to run, with the processes whose limits are to be set.

        `said` is where its progress comes from. Raises OSError when it did not get that far.
        """

    @abstractmethod
    async def wait_exited(self) -> None:
        """Return when the program has ended and nothing of its tree runs any more; nothing is reaped yet."""

    @abstractmethod
    async def kill(self) -> bool:
        """End the whole tree now; tell whether that is certain. Not to be cancelled: call it shielded."""

    @abstractmethod
    def judge(self, status: int, used: resource.struct_rusage) -> Usage:
        """Return how the program ended; `status` and `used` are what the kernel said of what held it."""

    async def terminate(self) -> None:
        """Send TERM to the whole tree, but to nothing of ours that holds it."""
        with contextlib.suppress(OSError):  # no descriptors left to look with: the KILL will do
            await trio.to_thread.run_sync(tree.signal_descendants, self.root, signal.SIGTERM)

    async def end(self) -> Usage:
        """Kill whatever is left of the tree, reap what held it and return how the program ended.

        Cancellation: carried out all the same. Ordering: on return no process of the attempt is left.
        """
        with trio.CancelScope(shield=True):
            usage = await self._end()
        return usage

    async def next_report(self) -> dict[str, Any] | None:
        """Return the next line of what holds the child; None at the end of what it says. Raises OSError when it is none."""
        assert self._report is not None
        while b"\n" not in self._said:
            chunk = await self._report.receive(REPORT_MAX_BYTES)
            if not chunk or len(self._said) > REPORT_MAX_BYTES:
                return None
            self._said += chunk
        line, self._said = self._said.split(b"\n", 1)
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise OSError(errno.EPROTO, f"{line[:SHOWN_MAX_BYTES]!r} is no report")
        return told

    def signal_holder(self, number: signal.Signals) -> None:
        """Send a signal to what holds the child."""
        tree.signal_process(self._pidfd, number)

    async def wait_holder(self) -> None:
        """Return when what holds the child has ended."""
        await trio.lowlevel.wait_readable(self._pidfd)

    async def _end(self) -> Usage:
        if self._usage is None:
            if self._process is not None and not await self._kill_surely():
                await self._search_and_kill()
            self._usage = self._reap()
            if self._report is not None:
                self._report.close()
        return self._usage

    async def _kill_surely(self) -> bool:
        """Kill also when the machine has nothing left to wait with."""
        try:
            return await self.kill()
        except OSError as error:
            logger.warning("a child is ended the hard way", extra={"attempt": self.spawn.attempt_id, "reason": str(error)})
            self.signal_holder(signal.SIGKILL)
            return False

    async def _search_and_kill(self) -> None:
        if not await trio.to_thread.run_sync(tree.kill_tree, self.spawn.attempt_id, self.leader):
            logger.error("processes of an attempt do not die", extra={"attempt": self.spawn.attempt_id})

    def _reap(self) -> Usage:
        if self._process is None:
            return Usage()
        os.close(self._pidfd)
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self.judge(status, used)


@asynccontextmanager
async def open_child(child: Child, output: Pipe, progress: Pipe, group_parent: Path | None) -> AsyncIterator[Child]:
    """Start a child and let it go; on leaving, end its whole tree.

    `output` is where its log goes, `progress` where its progress goes; the writing ends are closed on our side.
    `group_parent` is the cgroup below which its processes are counted, if they have to be there.

    Raises OSError when it cannot be started.
    """
    bounds = child.spawn.limits
    waiting, go = os.pipe()
    group: Path | None = None
    try:
        try:
            if group_parent is not None and bounds.processes is not None:
                group = limits.make_group(group_parent, child.spawn.attempt_id, bounds.processes + child.holders)
            child.start(output.writing, progress.writing, waiting, group)
        finally:
            os.close(waiting)
            output.close_writing()
            progress.close_writing()
        child.pids = await _wait_ready(child, progress)
        limits.apply(child.pids, bounds, counts_processes=child.counts_processes)
        with contextlib.suppress(BrokenPipeError):
            os.write(go, GO)
        yield child
    finally:
        os.close(go)
        await child.end()
        if group is not None:
            await limits.remove_group(group)


async def _wait_ready(child: Child, progress: Pipe) -> list[int]:
    try:
        with trio.fail_after(START_SECONDS):
            return await child.wait_ready(progress)
    except trio.TooSlowError:
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
